import { createHash, randomBytes } from 'node:crypto';

import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import { type Agent, askedScopes, type Page } from './agent.ts';
import { cause, FILES, type TestServer } from './server.ts';

/** A person with a password and a one-time-code factor. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly password: string;
  /** Base32. */
  readonly totpSecret: string;
}

let people = 0;

/** Adds a person who can sign in without a browser. */
export async function addPerson(server: TestServer, more: { readonly role?: string } = {}): Promise<Person> {
  people += 1;
  const email = `ada${people}-${randomBytes(4).toString('hex')}@example.com`;
  const password = 'correct horse battery staple';
  const added = await server.installation.users.add(
    { tenant: DEFAULT_TENANT, email, name: 'Ada Lovelace', password, totp: true, ...more },
    cause,
  );
  if (!added.totp) throw new Error('a person was added without a factor');
  return { id: added.id, email, name: 'Ada Lovelace', password, totpSecret: added.totp.secret };
}

/** Gives the browser a session of this person, as a passkey sign-in would leave it. */
export async function signedIn(
  server: TestServer,
  agent: Pick<Agent, 'setCookie'>,
  person: Person,
): Promise<void> {
  const { session, token } = await server.database.prisma.$transaction((tx) =>
    server.installation.sessions.create(
      tx,
      { userId: person.id, passkeyId: undefined, acr: 'phr', amr: ['pop', 'user', 'mfa'] } as never,
      { origin: { ...cause, network: '127.0.0.1' } },
    ),
  );
  if (session.user.id !== person.id) throw new Error('the session is of somebody else');
  agent.setCookie({ name: 'gatehouse_session', value: token, path: '/' });
}

export interface Pkce {
  readonly verifier: string;
  readonly challenge: string;
}

/** RFC 7636 §4.1, §4.2. */
export function pkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

export const CALLBACK = 'http://127.0.0.1:53111/callback';

/** The URL of a good authorization request; `undefined` leaves a parameter out. */
export function authorizeUrl(
  server: Pick<TestServer, 'issuer'>,
  params: Readonly<Record<string, string | undefined>>,
): string {
  const all = {
    response_type: 'code',
    redirect_uri: CALLBACK,
    code_challenge_method: 'S256',
    state: 'state-1',
    resource: FILES,
    ...params,
  };
  const query = new URLSearchParams(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return `${server.issuer}/authorize?${query}`;
}

/** Ticks and allows what the client asked for (every scope, unless named), and answers the callback's parameters. */
export async function allow(agent: Agent, page: Page, scopes?: readonly string[]): Promise<URLSearchParams> {
  const answer = await agent.submit(page, {
    ...(page.form?.step === 'consent' ? { scope: scopes ?? askedScopes(page) } : {}),
    decision: 'allow',
  });
  if (!answer.location)
    throw new Error(`no redirect: ${answer.status} ${answer.url} ${answer.html.slice(0, 1500)}`);
  return new URL(answer.location).searchParams;
}

export interface TokenResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly access_token?: string;
    readonly refresh_token?: string;
    readonly scope?: string;
    readonly error?: string;
  };
}

/** A form post to one of the endpoints for programs. */
export async function post(
  server: Pick<TestServer, 'issuer'>,
  path: string,
  params: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<TokenResponse> {
  const response = await fetch(`${server.issuer}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(params),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

/** `Authorization: Basic` as SDKs send it. */
export function basic(id: string, secret: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}

/** The claims of a JWT, unverified. */
export function claimsOf(jwt: string | undefined): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(jwt?.split('.')[1] ?? '', 'base64url').toString());
}

/** Walks from the authorization request to a code, for somebody who is signed in. */
export async function obtainCode(
  server: TestServer,
  agent: Agent,
  clientId: string,
  params: Readonly<Record<string, string | undefined>> = {},
): Promise<{ readonly code: string; readonly verifier: string; readonly callback: URLSearchParams }> {
  const { verifier, challenge } = pkce();
  const page = await agent.get(
    authorizeUrl(server, { client_id: clientId, code_challenge: challenge, ...params }),
  );
  const callback = await allow(agent, page);
  const code = callback.get('code');
  if (!code) throw new Error(`no code: ${callback}`);
  return { code, verifier, callback };
}

/** A whole connection: code, then tokens. */
export async function connect(
  server: TestServer,
  agent: Agent,
  clientId: string,
  params: Readonly<Record<string, string>> = {},
): Promise<TokenResponse['body']> {
  const { code, verifier } = await obtainCode(server, agent, clientId, params);
  const { status, body } = await post(server, '/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: params['redirect_uri'] ?? CALLBACK,
  });
  if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`);
  return body;
}
