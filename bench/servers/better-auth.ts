import { createHash, randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { DatabaseSync } from 'node:sqlite';

import type { RequestTemplate, Work } from '../load/protocol.ts';

import { serve, settings } from './serve.ts';

/**
 * better-auth with its OAuth provider, on a SQLite file with SQLite's own defaults, which are durable.
 * Its packages are no dependencies of Gatehouse, so what is used of them is written down here.
 */
interface BetterAuth {
  readonly api: {
    signUpEmail(call: { readonly body: object; readonly asResponse: true }): Promise<Response>;
    adminCreateOAuthClient(call: {
      readonly body: object;
      readonly headers: Headers;
    }): Promise<{ readonly client_id: string; readonly client_secret?: string }>;
  };
  readonly options: object;
  readonly handler: (request: Request) => Promise<Response>;
}

const { port, issuer, more } = settings();
const BASE = '/api/auth';
const FILES = 'https://files.example/mcp';
const SCOPE = 'files:read files:write offline_access';
const REDIRECT = 'https://client.example/callback';
const FAMILIES = 128;

const load = async <T>(name: string): Promise<T> => (await import(name)) as T;
const { betterAuth } = await load<{ betterAuth(options: object): BetterAuth }>('better-auth');
const { getMigrations } = await load<{
  getMigrations(options: object): Promise<{ runMigrations(): Promise<void> }>;
}>('better-auth/db/migration');
const { jwt } = await load<{ jwt(options: object): object }>('better-auth/plugins');
const { toNodeHandler } = await load<{ toNodeHandler(auth: BetterAuth): RequestListener }>(
  'better-auth/node',
);
const { oauthProvider } = await load<{ oauthProvider(options: object): object }>(
  '@better-auth/oauth-provider',
);

const auth = betterAuth({
  database: new DatabaseSync(more[0] ?? ':memory:'),
  baseURL: issuer,
  secret: randomBytes(32).toString('base64url'),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: 'ES256' } } }),
    oauthProvider({
      loginPage: '/login',
      consentPage: '/consent',
      scopes: SCOPE.split(' '),
      resources: [FILES],
      enforcePerClientResources: false,
      accessTokenExpiresIn: 300,
      silenceWarnings: { oauthAuthServerConfig: true },
    }),
  ],
});
await (await getMigrations(auth.options)).runMigrations();

const signedUp = await auth.api.signUpEmail({
  body: { email: 'ada@example.com', password: 'correct horse battery staple', name: 'Ada Lovelace' },
  asResponse: true,
});
const cookie = signedUp.headers
  .getSetCookie()
  .map((line) => line.split(';', 1)[0])
  .join('; ');
const client = await createClient('none');
const confidential = await createClient('client_secret_basic');
const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const form = { 'content-type': 'application/x-www-form-urlencoded' };

serve(toNodeHandler(auth), port, {
  jwks: {
    make: async () => single({ method: 'GET', path: `${BASE}/jwks` }, { status: 200, contains: 'ES256' }),
  },
  metadata: {
    make: async () =>
      single(
        { method: 'GET', path: `${BASE}/.well-known/oauth-authorization-server` },
        { status: 200, contains: issuer },
      ),
  },
  authorize: {
    make: async () =>
      single(
        { method: 'GET', path: authorizePath(client.client_id), headers: { cookie } },
        { status: 302, contains: 'callback?code=' },
      ),
  },
  code: {
    make: async (operations) => ({
      kind: 'requests',
      requests: await times(operations, async () => post('/oauth2/token', await codeForm(client.client_id))),
      expect: { status: 200, contains: 'refresh_token' },
    }),
  },
  refresh: {
    make: async () => ({
      kind: 'refresh',
      path: `${BASE}/oauth2/token`,
      form: { client_id: client.client_id, resource: FILES },
      tokens: await times(FAMILIES, async () => (await tokens()).refresh_token),
    }),
  },
  introspection: {
    async make() {
      const authorization = basic();
      const request = post('/oauth2/token', await codeForm(confidential.client_id), { authorization });
      const { access_token: token } = await send(request);
      return single(post('/oauth2/introspect', { token }, { authorization }), {
        status: 200,
        contains: '"active":true',
      });
    },
  },
  revocation: {
    make: async (operations) => ({
      kind: 'requests',
      requests: await times(operations, async () =>
        post('/oauth2/revoke', { client_id: client.client_id, token: (await tokens()).refresh_token }),
      ),
      expect: { status: 200 },
    }),
  },
});

function createClient(method: 'none' | 'client_secret_basic') {
  return auth.api.adminCreateOAuthClient({
    headers: new Headers({ cookie }),
    body: {
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: method,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: SCOPE,
      skip_consent: true,
    },
  });
}

function authorizePath(clientId: string): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'state',
    resource: FILES,
    scope: SCOPE,
  });
  return `${BASE}/oauth2/authorize?${query}`;
}

/** Through its own handler, without the network: this is not measured. */
async function code(clientId: string): Promise<string> {
  const answer = await auth.handler(new Request(issuer + authorizePath(clientId), { headers: { cookie } }));
  const found = new URL(answer.headers.get('location') ?? issuer).searchParams.get('code');
  if (found === null) throw new Error(`no code: ${answer.status} ${answer.headers.get('location')}`);
  return found;
}

async function tokens(): Promise<{ readonly refresh_token: string }> {
  return send(post('/oauth2/token', await codeForm(client.client_id)));
}

async function send(request: RequestTemplate): Promise<{ access_token: string; refresh_token: string }> {
  const { method, path, headers = {}, body = '' } = request;
  const answer = await auth.handler(new Request(issuer + path, { method, headers, body }));
  if (!answer.ok) throw new Error(`no tokens: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { access_token: string; refresh_token: string };
}

async function codeForm(clientId: string) {
  return {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: await code(clientId),
    code_verifier: verifier,
    redirect_uri: REDIRECT,
    resource: FILES,
  };
}

function basic(): string {
  const { client_id: id, client_secret: secret = '' } = confidential;
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

function single(request: RequestTemplate, expect: { status: number; contains?: string }): Work {
  return { kind: 'requests', requests: [request], expect };
}

function post(path: string, fields: Record<string, string>, headers = {}): RequestTemplate {
  return {
    method: 'POST',
    path: BASE + path,
    headers: { ...form, ...headers },
    body: `${new URLSearchParams(fields)}`,
  };
}

async function times<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let n = 0; n < count; n += 1) made.push(await make());
  return made;
}
