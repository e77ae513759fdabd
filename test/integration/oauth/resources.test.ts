import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addResource, removeResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, askedScopes, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import {
  askFor,
  expectRefusedToClient,
  type RequestParams,
  requestQuery,
} from '../../support/authorization.ts';
import {
  addPerson,
  allow,
  claimsOf,
  connect,
  obtainCode,
  type Person,
  pkce,
  post,
  signedIn,
} from '../../support/flow.ts';
import { register } from '../../support/registration.ts';
import { addTestClient, cause, FILES, MAIL, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let clientId: string;
let person: Person;
/** Shows every redirect. */
let ada: Agent;
/** The same person's browser, which follows them. */
let follower: Agent;

beforeAll(async () => {
  server = await startTestServer();
  clientId = (await addTestClient(server)).clientId;
  person = await addPerson(server);
  ada = createAgent({ follow: false });
  follower = createAgent();
  await signedIn(server, ada, person);
  await signedIn(server, follower, person);
});

afterAll(() => server.stop());

/** Returns the scopes that the consent page says a request asks for. */
async function offeredFor(
  params: RequestParams,
  asking: Agent = ada,
): Promise<readonly (string | undefined)[]> {
  const { value: started } = await askFor(server, asking, clientId, params);
  expect(started.location).toMatch(/\/interaction\//);
  return askedScopes(await asking.get(started.location ?? ''));
}

describe('resource', () => {
  it.each([
    FILES,
    'https://files.example/mcp/',
    'HTTPS://files.example/mcp',
    'https://FILES.Example/mcp',
    'https://files.example:443/mcp',
    'HTTPS://Files.Example:443/mcp/',
  ])('F2, MCP 23: %s is one server with one audience', async (resource) => {
    const { code, verifier } = await obtainCode(server, follower, clientId, { resource });
    for (const again of [{ resource }, {}]) {
      const { status, body } = await post(server, '/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        code,
        code_verifier: verifier,
        ...again,
      });
      if (again.resource === undefined) {
        expect(status).toBe(400);
        continue;
      }
      expect(status).toBe(200);
      expect(claimsOf(body.access_token)['aud']).toBe(FILES);
    }
  });

  it.each([
    'files.example/mcp',
    '/mcp',
    'mcp',
    '//files.example/mcp',
    'https:files.example/mcp',
    'https:/files.example/mcp',
    'https://files.example/mcp#x',
    'https://files.example/mcp#',
    'https://files.example/mcp?x=1',
    'https://files.example/mcp?',
    'https://user@files.example/mcp',
    'https://user:pw@files.example/mcp',
    'http://files.example/mcp',
    'https://files.example:444/mcp',
    'https://files.example./mcp',
    'https://files.example/mcp//',
    'https://files.example//mcp',
    'https://files.example/MCP',
    'https://files.example',
    'https://files.example/mcp/x',
    ' https://files.example/mcp',
    'https://files.example/mcp ',
    'https://files.example/mcp https://mail.example/mcp',
    'https://files.example/mcp,https://mail.example/mcp',
    'urn:files',
    'javascript:alert(1)',
    'https://nowhere.example/mcp',
  ])('F2: %j is no server of ours', async (resource) => {
    expectRefusedToClient(await askFor(server, ada, clientId, { resource }), server, {
      error: 'invalid_target',
      reason: 'resource_unknown',
    });
  });

  it.each([
    'https://files.example/a/../mcp',
    'https://files.example/./mcp',
    'https://files.example/%2e/mcp',
    'https://files.example/x/%2e%2e/mcp',
    'https://files.example/%6dcp',
    'https://files.example%2fmcp',
    'https://files.example/mcp%2f',
    'https://files.example/mcp%3fx',
    'https://files.example/mcp%23x',
    'https://files.example\\mcp',
    'https://files.example/\tmcp',
    'https://files.example/mc\np',
    'https://ﬁles.example/mcp',
    'https://files。example/mcp',
    'https://files.example.evil.example/mcp',
    'https://evil.example/https://files.example/mcp',
    'https://files.example@evil.example/mcp',
  ])('F3: the look-alike %j is refused', async (resource) => {
    expectRefusedToClient(await askFor(server, ada, clientId, { resource }), server, {
      error: 'invalid_target',
      reason: 'resource_unknown',
    });
  });

  it('F1, MCP 24: with several servers an omitted one is invalid_target, in words', async () => {
    for (const resource of [undefined, '']) {
      const refused = await askFor(server, ada, clientId, { resource });
      expectRefusedToClient(refused, server, { error: 'invalid_target', reason: 'resource_missing' });
      const description = new URL(refused.value.location ?? '').searchParams.get('error_description');
      expect(description).toContain('must name the MCP server');
    }
  });

  it('REP-F1: a resource that is repeated, in any spelling, counts once at both endpoints', async () => {
    for (const resource of [
      [FILES, FILES],
      [`${FILES}/`, FILES, FILES.toUpperCase().replace('/MCP', '/mcp')],
    ]) {
      const { verifier, challenge } = pkce();
      const query = requestQuery(clientId, { resource, code_challenge: challenge });
      const callback = await allow(follower, await follower.get(`${server.issuer}/authorize?${query}`));
      const body = new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: clientId,
        code: callback.get('code') ?? '',
        code_verifier: verifier,
      });
      for (const one of resource) body.append('resource', one);
      const response = await fetch(`${server.issuer}/token`, { method: 'POST', body });
      expect(response.status).toBe(200);
      const tokens = (await response.json()) as { access_token: string; refresh_token: string };
      expect(claimsOf(tokens.access_token)['aud']).toBe(FILES);
      const again = new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: tokens.refresh_token,
      });
      for (const one of resource) again.append('resource', one);
      expect((await fetch(`${server.issuer}/token`, { method: 'POST', body: again })).status).toBe(200);
    }
  });

  it('REP-F1, F5: different resources in one token request are invalid_target', async () => {
    const { code, verifier } = await obtainCode(server, follower, clientId, { resource: FILES });
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
    });
    for (const one of [FILES, MAIL]) body.append('resource', one);
    const response = await fetch(`${server.issuer}/token`, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_target' });
  });

  it('F5: two different ones at once are refused', async () => {
    for (const resource of [
      [FILES, MAIL],
      [MAIL, FILES],
      [FILES, MAIL, FILES],
    ]) {
      expectRefusedToClient(await askFor(server, ada, clientId, { resource }), server, {
        error: 'invalid_target',
        reason: 'resource_ambiguous',
      });
    }
  });

  it('F6: a scope that two servers call the same is asked about, and granted, at the one that was named', async () => {
    const { value: started } = await askFor(server, ada, clientId, { resource: MAIL, scope: 'files:read' });
    const page = await ada.get(started.location ?? '');
    expect(page.html).toContain('Read attachments');
    expect(page.html).not.toContain('Read and search your files');
    const tokens = await connect(server, follower, clientId, { resource: MAIL, scope: 'files:read' });
    expect(claimsOf(tokens.access_token)).toMatchObject({ aud: MAIL, scope: 'files:read' });
  });

  it('F6: a scope of another server is not granted at this one', async () => {
    expect(await offeredFor({ resource: MAIL, scope: 'mail:read files:write files:delete' })).toEqual([
      'mail:read',
    ]);
  });

  it('a server that was removed is known no more, in the middle of an authorization too', async () => {
    const identifier = 'https://goes.example/mcp';
    const scopes = [{ scope: 'x:read', description: 'Read', destructive: false }];
    await addResource(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, identifier, name: 'Goes', scopes },
      cause,
    );
    const { value: started } = await askFor(server, ada, clientId, { resource: identifier });
    const page = await ada.get(started.location ?? '');
    const answered = await ada.submit(page, { decision: 'allow', scope: 'x:read' });
    await removeResource(server.database.prisma, identifier, cause);
    const after = await observe(server, () => ada.get(answered.location ?? ''));
    expect(after.value.location).toContain('error=invalid_target');
    expect({ grants: after.grants, codes: after.codes }).toEqual({ grants: 0, codes: 0 });
    expectRefusedToClient(await askFor(server, ada, clientId, { resource: identifier }), server, {
      error: 'invalid_target',
      reason: 'resource_unknown',
    });
  });
});

describe('one server alone', () => {
  let alone: TestServer;
  beforeAll(async () => {
    alone = await startTestServer();
    await removeResource(alone.database.prisma, MAIL, cause);
  });
  afterAll(() => alone.stop());

  it('F1, MCP 24: is what a request is for that names none, and never the authorization server', async () => {
    const { clientId: id } = await addTestClient(alone);
    const agent = createAgent();
    await signedIn(alone, agent, await addPerson(alone));
    const { code, verifier } = await obtainCode(alone, agent, id, { resource: undefined });
    const { body } = await post(alone, '/token', {
      grant_type: 'authorization_code',
      client_id: id,
      code,
      code_verifier: verifier,
    });
    expect(claimsOf(body.access_token)['aud']).toBe(FILES);
  });
});

describe('one server that is configured', () => {
  let configured: TestServer;
  beforeAll(async () => {
    configured = await startTestServer({ GATEHOUSE_DEFAULT_RESOURCE: MAIL });
  });
  afterAll(() => configured.stop());

  it('MCP 24: is what a request is for that names none', async () => {
    const { clientId: id } = await addTestClient(configured);
    const agent = createAgent();
    await signedIn(configured, agent, await addPerson(configured));
    const tokens = await connect(configured, agent, id, { resource: '' });
    expect(claimsOf(tokens.access_token)['aud']).toBe(MAIL);
  });
});

describe('the servers of another tenant', () => {
  const OTHER = 'https://other-tenant.example/mcp';
  const NOWHERE = 'https://nowhere.example/mcp';
  /** A page without what differs in every response. */
  const comparable = (html: string, resource: string) =>
    html
      .replaceAll(resource, 'RESOURCE')
      .replaceAll(encodeURIComponent(resource), 'RESOURCE')
      .replace(/[A-Za-z0-9_-]{20,}/g, 'RANDOM');
  const scopes = [{ scope: 'secret:read', description: 'Read secrets', destructive: false }];

  beforeAll(async () => {
    const { prisma } = server.database;
    await prisma.tenant.create({ data: { id: 'ten_other', name: 'other' } });
    await addResource(
      prisma,
      { tenantId: 'ten_other', identifier: OTHER, name: 'Other Secrets', scopes },
      cause,
    );
  });

  it('F7: for a client of this tenant they are not distinguishable from servers that do not exist', async () => {
    const [foreign, unknown] = [
      await askFor(server, ada, clientId, { resource: OTHER }),
      await askFor(server, ada, clientId, { resource: 'https://nowhere.example/mcp' }),
    ];
    for (const refused of [foreign, unknown]) {
      expectRefusedToClient(refused, server, { error: 'invalid_target', reason: 'resource_unknown' });
    }
    expect(foreign.value.location).toBe(unknown.value.location);
    expect([foreign.value.status, foreign.value.html.length]).toEqual([
      unknown.value.status,
      unknown.value.html.length,
    ]);
  });

  it('F7: a person of this tenant learns nothing of them by a client of nobody', async () => {
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: ['http://127.0.0.1/callback'],
        token_endpoint_auth_method: 'none',
      }),
    });
    const { client_id: stranger } = (await response.json()) as { client_id: string };
    const refused = await askFor(server, ada, stranger, { resource: OTHER });
    expectRefusedToClient(refused, server, { error: 'invalid_target', reason: 'resource_unknown' });
    const unknown = await askFor(server, ada, stranger, { resource: NOWHERE });
    expect(refused.value.location).toBe(unknown.value.location);
  });

  describe.each(['a pre-registered client', 'a client that registered itself'])('and %s', (kind) => {
    let client: string;
    beforeAll(async () => {
      client = kind === 'a pre-registered client' ? clientId : (await register(server)).body.client_id;
    });
    const anonymously = (resource: string, prompt?: string) =>
      askFor(server, createAgent({ follow: false }), client, { resource, prompt });

    it('SEC-M7, F7: prompt=none without a session answers alike for a foreign, an unknown and an own server', async () => {
      const [foreign, unknown, own] = [
        await anonymously(OTHER, 'none'),
        await anonymously(NOWHERE, 'none'),
        await anonymously(FILES, 'none'),
      ];
      expect(foreign.value.location).toContain('error=login_required');
      expect(unknown.value.location).toBe(foreign.value.location);
      expect(own.value.location).toBe(foreign.value.location);
    });

    it('SEC-M7, F7: the sign-in page tells a foreign server from an unknown one by its address only', async () => {
      const pages = [];
      for (const resource of [OTHER, NOWHERE]) {
        const agent = createAgent();
        const { value: page } = await askFor(server, agent, client, { resource });
        expect(page.form?.step).toBe('identify');
        expect(page.html).not.toContain('Other Secrets');
        expect(page.html).toContain(resource);
        pages.push(comparable(page.html, resource));
      }
      expect(pages[0]).toBe(pages[1]);
    });

    it('SEC-M7, F7: prompt=none of a user of another tenant answers alike for both', async () => {
      const [foreign, unknown] = [
        await askFor(server, ada, client, { resource: OTHER, prompt: 'none' }),
        await askFor(server, ada, client, { resource: NOWHERE, prompt: 'none' }),
      ];
      for (const refused of [foreign, unknown]) {
        expectRefusedToClient(refused, server, { error: 'invalid_target', reason: 'resource_unknown' });
      }
      expect(foreign.value.location).toBe(unknown.value.location);
    });

    it('SEC-M7, F7: after the sign-in both are refused alike', async () => {
      for (const resource of [OTHER, NOWHERE]) {
        const agent = createAgent({ follow: false });
        const { value: started } = await askFor(server, agent, client, { resource });
        await signedIn(server, agent, await addPerson(server));
        const answered = await agent.get(started.location ?? '');
        const refused = await observe(server, () => agent.get(answered.location ?? ''));
        expectRefusedToClient(refused, server, { error: 'invalid_target', reason: 'resource_unknown' });
      }
    });
  });

  it('F7: their scopes are not in the metadata', async () => {
    const metadata = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    expect(await metadata.text()).not.toContain('secret:read');
  });
});

describe('scope', () => {
  it('MCP 25: an omitted or empty one is the default of the server', async () => {
    for (const scope of [undefined, '', ' ', '   ']) {
      expect(await offeredFor({ scope })).toEqual(['files:read']);
    }
    const tokens = await connect(server, follower, clientId);
    expect(tokens.scope).toBe('files:read');
  });

  it.each([
    ['files:read claudeai', ['files:read']],
    [' offline_access', ['files:read']],
    ['claudeai', ['files:read']],
    ['openid email profile', ['files:read']],
    ['  files:write   files:read  ', ['files:write', 'files:read']],
    ['files:read files:read', ['files:read']],
    ['FILES:READ', ['files:read']],
    ['*', ['files:read']],
    ['files:*', ['files:read']],
    ['mail:read', ['files:read']],
    ['__proto__ constructor files:write', ['files:write']],
  ])('MCP 26: %j asks for %j', async (scope, expected) => {
    expect(await offeredFor({ scope })).toEqual(expected);
  });

  it('MCP 26: the token response says what was granted, without what was unknown', async () => {
    const tokens = await connect(server, follower, clientId, { scope: 'files:read claudeai files:write' });
    expect(tokens.scope).toBe('files:read files:write');
  });

  it.each(['files:read\tfiles:write', 'a"b', 'a\\b', 'a\u0000b', 'żółw', 'a\nb'])(
    'MCP 26: %j is no scope (RFC 6749 §3.3)',
    async (scope) => {
      expectRefusedToClient(await askFor(server, ada, clientId, { scope }), server, {
        error: 'invalid_scope',
        reason: 'scope_malformed',
      });
    },
  );

  it('MCP 12: all that the metadata lists can be asked for at once and is asked of the person, not refused', async () => {
    const metadata = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
      scopes_supported: string[];
    };
    expect(await offeredFor({ scope: metadata.scopes_supported.join(' ') })).toEqual([
      'files:read',
      'files:write',
    ]);
  });

  it('MCP 39: a refresh token comes by the grant type of the client, with and without offline_access', async () => {
    for (const params of [{}, { scope: 'files:read offline_access', prompt: 'consent' }]) {
      const tokens = await connect(server, follower, clientId, params);
      expect(tokens.refresh_token).toMatch(/^[\w-]{43}$/);
      expect(tokens.scope).toBe('files:read');
    }
    const { clientId: without } = await addTestClient(server, { grantTypes: ['authorization_code'] });
    for (const params of [{}, { scope: 'files:read offline_access', prompt: 'consent' }]) {
      expect(await connect(server, follower, without, params)).not.toHaveProperty('refresh_token');
    }
  });

  it('openid adds an ID token, and is no checkbox', async () => {
    const scope = 'openid files:read';
    expect(await offeredFor({ scope })).toEqual(['files:read']);
    const tokens = await connect(server, follower, clientId, { scope, nonce: 'n-0S6_WzA2Mj' });
    const claims = claimsOf(String(tokens['id_token']));
    expect(claims).toMatchObject({
      iss: server.issuer,
      aud: clientId,
      sub: person.id,
      nonce: 'n-0S6_WzA2Mj',
    });
  });
});

it('MCP 10, MCP 16: a public client, one with a secret and one with a key each complete a flow', async () => {
  const { generateKeyPair, exportJWK, SignJWT } = await import('jose');
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] };
  const clients = [
    await addTestClient(server),
    await addTestClient(server, { authMethod: 'client_secret_basic' }),
    await addTestClient(server, { authMethod: 'client_secret_post' }),
    await addTestClient(server, { authMethod: 'private_key_jwt', jwks }),
  ] as const;
  const ways = [
    async () => ({ client_id: clients[0].clientId }),
    async () => ({ client_id: clients[1].clientId, client_secret: clients[1].clientSecret ?? '' }),
    async () => ({ client_id: clients[2].clientId, client_secret: clients[2].clientSecret ?? '' }),
    async () => ({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await new SignJWT({ jti: 'assertion-1' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer(clients[3].clientId)
        .setSubject(clients[3].clientId)
        .setAudience(server.issuer)
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(privateKey),
    }),
  ];
  for (const [index, way] of ways.entries()) {
    const id = clients[index as 0].clientId;
    const { code, verifier } = await obtainCode(server, follower, id);
    const { status, body } = await post(server, '/token', {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      ...(await way()),
    });
    expect({ index, status, error: body.error }).toEqual({ index, status: 200, error: undefined });
  }
});
