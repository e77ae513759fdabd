import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider, { type Configuration, type JWK } from 'oidc-provider';

import type { RequestTemplate, Work } from '../load/protocol.ts';

import { serve, settings } from './serve.ts';

/**
 * oidc-provider as it comes: its own in-memory adapter, its own grants, JWT access tokens signed with the
 * algorithm that Gatehouse uses. It keeps nothing over a restart and records nothing.
 */
const { port, issuer } = settings();
const FILES = 'https://files.example/mcp';
/** Its introspection does not know JWT access tokens, so this resource has opaque ones. */
const OPAQUE = 'https://opaque.example/mcp';
const SCOPE = 'files:read files:write';
const REDIRECT = 'https://client.example/callback';
const CLIENT = 'bench';
const VERIFIER = 'v'.repeat(43);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
/** Its adapter keeps a thousand entries and forgets the rest, and an authorization makes up to five. */
const BATCH = 150;
const FAMILIES = 100;
const SECRET = randomBytes(32).toString('base64url');

const configuration: Configuration = {
  clients: [
    {
      client_id: CLIENT,
      token_endpoint_auth_method: 'none',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
    {
      client_id: 'resource',
      client_secret: SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [],
      grant_types: [],
      response_types: [],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: { keys: [signingKey()] },
  scopes: ['openid', 'offline_access'],
  pkce: { required: () => true },
  cookies: { keys: [SECRET] },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  findAccount: async (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  features: {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => FILES,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: SCOPE,
        accessTokenTTL: 300,
        ...(resource === OPAQUE
          ? { accessTokenFormat: 'opaque' as const }
          : { audience: FILES, accessTokenFormat: 'jwt' as const, jwt: { sign: { alg: 'ES256' as const } } }),
      }),
    },
  },
};

const provider = new Provider(issuer, configuration);
const form = { 'content-type': 'application/x-www-form-urlencoded' };

serve(provider.callback(), port, {
  jwks: { make: async () => single({ method: 'GET', path: '/jwks' }, { status: 200, contains: 'ES256' }) },
  metadata: {
    make: async () =>
      single({ method: 'GET', path: '/.well-known/openid-configuration' }, { status: 200, contains: issuer }),
  },
  authorize: {
    async make() {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: CLIENT,
        redirect_uri: REDIRECT,
        code_challenge: CHALLENGE,
        code_challenge_method: 'S256',
        state: 'state',
        resource: FILES,
        scope: SCOPE,
      });
      const headers = { cookie: await session() };
      return single({ method: 'GET', path: `/auth?${query}`, headers }, { status: 303, contains: 'code=' });
    },
  },
  code: {
    batch: BATCH,
    make: async (operations) => ({
      kind: 'requests',
      requests: await times(operations, async () => post('/token', await codeForm())),
      expect: { status: 200, contains: 'refresh_token' },
    }),
  },
  refresh: {
    batch: 3 * FAMILIES,
    async make() {
      const tokens = await times(FAMILIES, refreshToken);
      return { kind: 'refresh', path: '/token', form: { client_id: CLIENT }, tokens };
    },
  },
  introspection: {
    async make() {
      const token = await opaqueAccessToken();
      const authorization = `Basic ${Buffer.from(`resource:${SECRET}`).toString('base64')}`;
      return single(post('/token/introspection', { token }, { authorization }), {
        status: 200,
        contains: '"active":true',
      });
    },
  },
  revocation: {
    batch: BATCH,
    make: async (operations) => ({
      kind: 'requests',
      requests: await times(operations, async () =>
        post('/token/revocation', { client_id: CLIENT, token: await refreshToken() }),
      ),
      expect: { status: 200 },
    }),
  },
});

async function grant(resource = FILES): Promise<string> {
  const made = new provider.Grant({ accountId: `usr_${randomBytes(8).toString('hex')}`, clientId: CLIENT });
  made.addResourceScope(resource, SCOPE);
  return made.save();
}

/** What an authorization keeps of itself, as the members of its code and of its refresh token. */
async function authorization(resource = FILES) {
  const grantId = await grant(resource);
  const { accountId = '' } = (await provider.Grant.find(grantId)) ?? {};
  const client = await provider.Client.find(CLIENT);
  if (!client) throw new Error('the client is not there');
  return { accountId, client, grantId, gty: 'authorization_code', resource, scope: SCOPE, authTime: now() };
}

async function refreshToken(): Promise<string> {
  return new provider.RefreshToken((await authorization()) as never).save();
}

async function codeForm() {
  const members = {
    ...(await authorization()),
    redirectUri: REDIRECT,
    codeChallenge: CHALLENGE,
    codeChallengeMethod: 'S256',
  };
  const code = await new provider.AuthorizationCode(members as never).save();
  return {
    grant_type: 'authorization_code',
    client_id: CLIENT,
    code,
    code_verifier: VERIFIER,
    redirect_uri: REDIRECT,
  };
}

async function opaqueAccessToken(): Promise<string> {
  const made = new provider.AccessToken({ ...(await authorization(OPAQUE)), aud: OPAQUE } as never);
  return made.save();
}

async function session(): Promise<string> {
  const grantId = await grant();
  const { accountId = '' } = (await provider.Grant.find(grantId)) ?? {};
  const made = new provider.Session();
  made.loginAccount({ accountId });
  made.ensureClientContainer(CLIENT);
  made.grantIdFor(CLIENT, grantId);
  const id = await made.save(86_400);
  const signature = createHmac('sha1', SECRET).update(`_session=${id}`).digest('base64url');
  return `_session=${id}; _session.sig=${signature}`;
}

function single(request: RequestTemplate, expect: { status: number; contains?: string }): Work {
  return { kind: 'requests', requests: [request], expect };
}

function post(path: string, fields: Record<string, string>, headers = {}): RequestTemplate {
  return { method: 'POST', path, headers: { ...form, ...headers }, body: `${new URLSearchParams(fields)}` };
}

async function times<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let n = 0; n < count; n += 1) made.push(await make());
  return made;
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

function signingKey(): JWK {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' } as JWK;
}
