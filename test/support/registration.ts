import type { TestServer } from './server.ts';

type Body = Readonly<Record<string, unknown>>;

/** An answer of the registration endpoint. */
export interface Registered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body & {
    readonly client_id: string;
    readonly client_secret?: string;
    readonly registration_client_uri: string;
    readonly registration_access_token: string;
  };
}

/** A public client on loopback: the least that MCP clients register. */
export const NATIVE = {
  client_name: 'Native',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
} as const;

/** Registers a client dynamically (RFC 7591); a string is sent as it is. */
export function register(
  { issuer }: Pick<TestServer, 'issuer'>,
  body: unknown = NATIVE,
  headers: Readonly<Record<string, string>> = {},
): Promise<Registered> {
  return ask(`${issuer}/register`, 'POST', body, headers);
}

/** Reads, changes or ends a registration (RFC 7592). */
export function manage(
  url: string,
  method: 'GET' | 'PUT' | 'DELETE',
  token: string | undefined,
  body?: unknown,
): Promise<Registered> {
  return ask(url, method, body, token === undefined ? {} : { authorization: `Bearer ${token}` });
}

async function ask(
  url: string,
  method: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Registered> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : JSON.parse(text),
  };
}
