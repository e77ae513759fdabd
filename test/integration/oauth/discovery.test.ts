import { discoverAuthorizationServerMetadata } from '@modelcontextprotocol/sdk/client/auth.js';
import {
  OAuthMetadataSchema,
  OpenIdProviderDiscoveryMetadataSchema,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { createAgent } from '../../support/agent.ts';
import { addPerson, claimsOf, connect, obtainCode, post, signedIn } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import { startServerProcess } from '../../support/server-process.ts';

const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];

let server: TestServer;
let closed: TestServer;
let tenant: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  closed = await startTestServer({
    GATEHOUSE_DYNAMIC_REGISTRATION: 'off',
    GATEHOUSE_METADATA_DOCUMENTS: 'off',
  });
  tenant = await startTestServer({}, { path: '/t1' });
});

afterAll(() => Promise.all([server, closed, tenant].map((each) => each.stop())));

type Metadata = Readonly<Record<string, unknown>>;
const json = async (url: string) => (await (await fetch(url)).json()) as Metadata;

describe('the metadata', () => {
  it.each(METADATA)('MCP 1: %s answers JSON, both with the same content', async (path) => {
    const response = await fetch(`${server.issuer}${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
    const metadata = (await response.json()) as Metadata;
    expect(metadata).toEqual(await json(`${server.issuer}${METADATA[0]}`));
    expect(OAuthMetadataSchema.safeParse(metadata).error).toBeUndefined();
    expect(OpenIdProviderDiscoveryMetadataSchema.safeParse(metadata).error).toBeUndefined();
  });

  it('MCP 2, MCP 9: the issuer is the configured one byte for byte, and responses carry it', async () => {
    const metadata = await json(`${server.issuer}${METADATA[0]}`);
    expect(metadata['issuer']).toBe(server.environment['GATEHOUSE_ISSUER']);
    expect(String(metadata['issuer'])).not.toMatch(/\/$/);
    expect(metadata['authorization_response_iss_parameter_supported']).toBe(true);
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const tokens = await connect(server, agent, (await addTestClient(server)).clientId);
    expect(claimsOf(tokens.access_token)['iss']).toBe(metadata['issuer']);
  });

  it('MCP 5, MCP 6, C2: code and S256 are all there is', async () => {
    expect(await json(`${server.issuer}${METADATA[1]}`)).toMatchObject({
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
    });
  });

  it('MCP 15: the endpoints have the names that clients of the first revision assume', async () => {
    expect(await json(`${server.issuer}${METADATA[0]}`)).toMatchObject({
      authorization_endpoint: `${server.issuer}/authorize`,
      token_endpoint: `${server.issuer}/token`,
      registration_endpoint: `${server.issuer}/register`,
    });
  });

  it('MCP 7, MCP 8: documents and registration are announced exactly where they work', async () => {
    const open = await json(`${server.issuer}${METADATA[0]}`);
    expect(open).toMatchObject({ client_id_metadata_document_supported: true });
    expect(open).toHaveProperty('registration_endpoint');
    const shut = await json(`${closed.issuer}${METADATA[0]}`);
    expect(shut).toMatchObject({ client_id_metadata_document_supported: false });
    expect(shut).not.toHaveProperty('registration_endpoint');
    const refused = await fetch(`${closed.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"redirect_uris":["http://127.0.0.1/cb"]}',
    });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: 'access_denied' });
  });

  it('REP-M3: a registration is answered with OAuth JSON that says that registration is off', async () => {
    const refused = await fetch(`${closed.issuer}/register`, { method: 'POST', body: '{}' });
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    expect(await refused.json()).toEqual({
      error: 'access_denied',
      error_description: expect.stringMatching(/registration is off .* administrator/),
    });
  });

  it('REP-M2: announces neither `profile` nor `email`, whose claims no token carries', async () => {
    const metadata = await json(`${server.issuer}${METADATA[1]}`);
    expect(metadata['scopes_supported']).not.toEqual(expect.arrayContaining(['profile']));
    expect(metadata['scopes_supported']).not.toEqual(expect.arrayContaining(['email']));
    expect(metadata['claims_supported']).not.toEqual(expect.arrayContaining(['email']));
    expect(metadata).not.toHaveProperty('userinfo_endpoint');
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const { clientId } = await addTestClient(server);
    const tokens = await connect(server, agent, clientId, { scope: 'openid profile email files:read' });
    expect(tokens.scope?.split(' ').sort()).toEqual(['files:read', 'openid']);
    expect(claimsOf(String(tokens['id_token']))).not.toHaveProperty('email');
  });

  it('MCP 7: where documents are off, a URL is an unknown client and nothing is fetched', async () => {
    const page = await createAgent().get(
      `${closed.issuer}/authorize?response_type=code&client_id=${encodeURIComponent('https://claude.ai/oauth/claude-code-client-metadata')}`,
    );
    expect(page.status).toBe(400);
    expect(page.html).toContain('invalid_client');
  });

  it('MCP 11, MCP 12: scopes are those that one may ask for all at once', async () => {
    expect((await json(`${server.issuer}${METADATA[0]}`))['scopes_supported']).toEqual([
      'openid',
      'offline_access',
      'files:read',
      'files:write',
      'mail:read',
    ]);
  });

  it('MCP 10: every authentication method that it lists is one that the token endpoint knows, and no other is', async () => {
    const metadata = await json(`${server.issuer}${METADATA[0]}`);
    const methods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];
    for (const endpoint of ['token', 'revocation', 'introspection']) {
      expect(metadata[`${endpoint}_endpoint_auth_methods_supported`]).toEqual(methods);
      expect(metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`]).toEqual([
        'RS256',
        'PS256',
        'ES256',
        'EdDSA',
      ]);
    }
  });

  it('every endpoint that it names is there', async () => {
    const metadata = await json(`${server.issuer}${METADATA[0]}`);
    for (const [name, value] of Object.entries(metadata)) {
      if (!/_endpoint$|^jwks_uri$/.test(name)) continue;
      const method = /^(?:authorization_endpoint|jwks_uri)$/.test(name) ? 'GET' : 'POST';
      const response = await fetch(String(value), { method, redirect: 'manual' });
      expect(response.status, name).not.toBe(404);
      expect(response.status, name).toBeLessThan(500);
    }
  });

  it.each([...METADATA, '/jwks'])('%s may be kept for a while and is not sent twice', async (path) => {
    const first = await fetch(`${server.issuer}${path}`);
    expect(first.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await fetch(`${server.issuer}${path}`, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
    expect(again.headers.get('etag')).toBe(etag);
    expect((await fetch(`${server.issuer}${path}`, { headers: { 'if-none-match': '"other"' } })).status).toBe(
      200,
    );
    const head = await fetch(`${server.issuer}${path}`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const posted = await fetch(`${server.issuer}${path}`, { method: 'POST' });
    expect(posted.status).toBe(405);
    expect(await posted.json()).toMatchObject({ error: 'invalid_request' });
  });

  it('G5: the key set has public members only', async () => {
    const { keys } = (await json(`${server.issuer}/jwks`)) as { keys: readonly Metadata[] };
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', kty: 'EC', alg: 'ES256', kid: expect.any(String) });
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    }
  });
});

describe('what is not there', () => {
  it.each([
    '/.well-known/oauth-authorization-server/nope',
    '/.well-known/openid-configuration/t1',
    '/.well-known/oauth-authorization-server/',
    '/.well-known/oauth-authorization-server/../x',
    '/.well-known/OAUTH-AUTHORIZATION-SERVER',
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
    '/.well-known/webfinger?resource=acct:a@b',
    '/.well-known/security',
    '/.well-known/',
    '/t1/.well-known/openid-configuration',
  ])('MCP 4: %s is a 404 in JSON, whatever the caller accepts', async (path) => {
    for (const accept of ['application/json', 'text/html', '*/*', 'text/html,application/xhtml+xml;q=0.9']) {
      const response = await fetch(`${server.issuer}${path}`, { headers: { accept }, redirect: 'manual' });
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
      expect(await response.json()).toMatchObject({ error: 'not_found' });
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
  });
});

describe('calls from a page of another origin', () => {
  const ORIGIN = 'http://localhost:6274';
  const open = [
    ...METADATA,
    '/.well-known/oauth-authorization-server/nope',
    '/jwks',
    '/token',
    '/register',
    '/revoke',
    '/introspect',
  ];

  it.each(open)('REP-F7: %s allows a preflight the headers that it asks for', async (path) => {
    const ask = (headers: string) =>
      fetch(`${server.issuer}${path}`, {
        method: 'OPTIONS',
        headers: {
          origin: ORIGIN,
          'access-control-request-method': 'POST',
          'access-control-request-headers': headers,
        },
      });
    const preflight = await ask('content-type,x-tenant-id');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type,x-tenant-id');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    expect(preflight.headers.get('vary')).toContain('Access-Control-Request-Headers');
    const malformed = await ask('content-type; x');
    expect(malformed.headers.get('access-control-allow-headers')).toContain('content-type, mcp-protocol');
  });

  it('REP-F7: a response that refuses the size of a request can be read by a page', async () => {
    const refused = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a'.repeat(200_000),
    });
    expect(refused.status).toBe(413);
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  });

  it.each([
    ['/token', 'OPTIONS, POST'],
    ['/revoke', 'OPTIONS, POST'],
    ['/introspect', 'OPTIONS, POST'],
    ['/register', 'OPTIONS, POST'],
    ['/register/cli_x', 'OPTIONS, GET, PUT, DELETE'],
  ])('REP-F13: %s answers 405 and names its methods to any other', async (path, allow) => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'POST']) {
      if (allow.includes(method)) continue;
      const response = await fetch(`${server.issuer}${path}`, { method });
      expect(response.status, method).toBe(405);
      expect(response.headers.get('allow')).toBe(allow);
      if (method !== 'HEAD') expect(await response.json()).toMatchObject({ error: 'invalid_request' });
    }
    const options = await fetch(`${server.issuer}${path}`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, allow]);
  });

  it.each(open)('MCP 13: %s may be asked, after a preflight too', async (path) => {
    const preflight = await fetch(`${server.issuer}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type, authorization, mcp-protocol-version, dpop',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toMatch(/GET.*POST|POST.*GET/);
    const allowed = (preflight.headers.get('access-control-allow-headers') ?? '').toLowerCase().split(/, */);
    expect(allowed).toEqual(
      expect.arrayContaining(['content-type', 'authorization', 'mcp-protocol-version', 'dpop']),
    );
    const method = /well-known|jwks/.test(path) ? 'GET' : 'POST';
    const response = await fetch(`${server.issuer}${path}`, {
      method,
      headers: { origin: ORIGIN, 'mcp-protocol-version': '2026-07-28' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const exposed = (response.headers.get('access-control-expose-headers') ?? '').toLowerCase();
    expect(exposed).toContain('www-authenticate');
    expect(exposed).toContain('dpop-nonce');
  });

  it.each(['/authorize', '/account', '/sign-in', '/interaction/x'])(
    'R8: %s is for people and may not be asked by pages of others',
    async (path) => {
      for (const method of ['OPTIONS', 'GET']) {
        const response = await fetch(`${server.issuer}${path}`, {
          method,
          redirect: 'manual',
          headers: { origin: ORIGIN, 'access-control-request-method': 'GET' },
        });
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
      }
    },
  );

  it('R8: never with credentials, and never an origin repeated', async () => {
    for (const origin of [ORIGIN, 'null', 'https://evil.example']) {
      for (const path of open) {
        const response = await fetch(`${server.issuer}${path}`, {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST' },
        });
        expect(response.headers.get('access-control-allow-credentials')).toBeNull();
        expect(response.headers.get('access-control-allow-origin')).toBe('*');
      }
    }
  });

  it('MCP 13: an error can be read too', async () => {
    const refused = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=authorization_code&client_id=cli_nobody&code=x',
    });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    expect(await refused.json()).toMatchObject({ error: 'invalid_client' });
  });
});

describe('an issuer with a path', () => {
  const at = (path: string) => `${new URL(tenant.issuer).origin}${path}`;

  it.each([
    '/.well-known/oauth-authorization-server/t1',
    '/.well-known/openid-configuration/t1',
    '/t1/.well-known/openid-configuration',
    '/t1/.well-known/oauth-authorization-server',
  ])('MCP 3: is found at %s, for pages of other origins too', async (path) => {
    const response = await fetch(at(path), { headers: { origin: 'http://localhost:6274' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toMatchObject({
      issuer: tenant.issuer,
      authorization_endpoint: `${tenant.issuer}/authorize`,
      jwks_uri: `${tenant.issuer}/jwks`,
    });
  });

  it.each([
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/t2',
    '/.well-known/oauth-authorization-server/t1/',
    '/.well-known/oauth-authorization-server/T1',
    '/.well-known/oauth-authorization-server/t1%2f',
    '/.well-known/oauth-authorization-server/%74%31',
    '/.well-known/oauth-authorization-server/t1/../t2',
    '/t2/.well-known/openid-configuration',
    '/t1x/.well-known/openid-configuration',
    '/jwks',
    '/token',
  ])('MCP 3, S7: %s is nothing', async (path) => {
    expect((await fetch(at(path))).status).toBe(404);
  });

  it('MCP 2, MCP 3: the SDK discovers it and accepts its issuer', async () => {
    const found = await discoverAuthorizationServerMetadata(new URL(tenant.issuer));
    expect(found?.issuer).toBe(tenant.issuer);
  });

  it('MCP 3: the whole flow stays under the path', async () => {
    const agent = createAgent();
    await signedIn(tenant, agent, await addPerson(tenant));
    const { clientId } = await addTestClient(tenant);
    const { code, verifier, callback } = await obtainCode(tenant, agent, clientId);
    expect(callback.getAll('iss')).toEqual([tenant.issuer]);
    const wayCookies = agent.cookies().filter(({ name }) => /interaction|resume/.test(name));
    for (const { path } of wayCookies) expect(path).toMatch(/^\/t1\//);
    const { status, body } = await post(tenant, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
    });
    expect(status).toBe(200);
    expect(claimsOf(body.access_token)['iss']).toBe(tenant.issuer);
    const { keys } = (await json(`${tenant.issuer}/jwks`)) as { keys: readonly { kid: string }[] };
    const header = JSON.parse(Buffer.from(body.access_token?.split('.')[0] ?? '', 'base64url').toString());
    expect(keys.map(({ kid }) => kid)).toContain(header.kid);
  });

  it('MCP 3: somebody who is not signed in is sent to the sign-in under the path, and back', async () => {
    const { clientId } = await addTestClient(tenant);
    const agent = createAgent({ follow: false });
    const { requestQuery } = await import('../../support/authorization.ts');
    const started = await agent.get(`${tenant.issuer}/authorize?${requestQuery(clientId)}`);
    expect(started.location).toMatch(new RegExp(`^${tenant.issuer}/interaction/`));
    const step = await agent.get(started.location ?? '');
    const signIn = new URL(step.location ?? '');
    expect(signIn.pathname).toBe('/t1/sign-in');
    expect(signIn.searchParams.get('continue')).toBe(new URL(started.location ?? '').pathname);
    expect((await agent.get(signIn.href)).status).toBe(200);
  });

  it('MCP 3: a client assertion is for the issuer or the token endpoint, under the path', async () => {
    const { generateKeyPair, exportJWK, SignJWT } = await import('jose');
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] };
    const { clientId } = await addTestClient(tenant, { authMethod: 'private_key_jwt', jwks });
    const agent = createAgent();
    await signedIn(tenant, agent, await addPerson(tenant));
    const ask = async (audience: string, jti: string) => {
      const { code, verifier } = await obtainCode(tenant, agent, clientId);
      return post(tenant, '/token', {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await new SignJWT({ jti })
          .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
          .setIssuer(clientId)
          .setSubject(clientId)
          .setAudience(audience)
          .setIssuedAt()
          .setExpirationTime('1m')
          .sign(privateKey),
      });
    };
    expect((await ask(tenant.issuer, '1')).status).toBe(200);
    expect((await ask(`${tenant.issuer}/token`, '2')).status).toBe(200);
    expect((await ask(`${new URL(tenant.issuer).origin}/token`, '3')).status).toBe(401);
    expect((await ask(`${new URL(tenant.issuer).origin}/t2`, '4')).status).toBe(401);
  });
});

describe('the issuer', () => {
  it.each(['http://auth.example.com', 'http://127.0.0.1.evil.example', 'http://10.0.0.1:4000'])(
    'MCP 14: %s is refused: plain http is for loopback',
    (issuer) => {
      expect(() => loadConfig({ ...server.environment, GATEHOUSE_ISSUER: issuer })).toThrow(ConfigError);
    },
  );

  it.each([
    'http://localhost:4000/',
    'http://localhost:4000/t1/',
    'http://localhost:4000?x',
    'http://LOCALHOST:4000',
  ])('MCP 2: %s is refused, because it could be written in two ways', (issuer) => {
    expect(() => loadConfig({ ...server.environment, GATEHOUSE_ISSUER: issuer })).toThrow(ConfigError);
  });

  it('MCP 65: clients go on with what they got under it in a process that comes later, whatever that is called', async () => {
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const { clientId } = await addTestClient(server);
    const before = await connect(server, agent, clientId);
    const later = await startServerProcess(server.environment);
    try {
      const headers = { 'x-forwarded-host': 'other.example', forwarded: 'host=other.example;proto=https' };
      const { status, body } = await later.post(
        '/token',
        {
          grant_type: 'refresh_token',
          client_id: clientId,
          refresh_token: before.refresh_token ?? '',
        },
        headers,
      );
      expect(status).toBe(200);
      const [old, current] = [before.access_token, body.access_token].map((jwt) => claimsOf(jwt)['iss']);
      expect([old, current]).toEqual([server.issuer, server.issuer]);
      expect((await later.get(METADATA[0] ?? '')).body['issuer']).toBe(server.issuer);
    } finally {
      await later.stop();
    }
  });

  it('MCP 14: production refuses an issuer without TLS', () => {
    expect(() => loadConfig({ ...server.environment, NODE_ENV: 'production' })).toThrow(/https/);
  });
});
