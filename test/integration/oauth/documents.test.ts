import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { METADATA_DOCUMENTS } from '../../fixtures/clients/index.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage, type RequestParams } from '../../support/authorization.ts';
import { addPerson, claimsOf, obtainCode, post, signedIn } from '../../support/flow.ts';
import { cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';

/** The web where clients publish: what it answers, and what it was asked. */
const web = new Map<string, () => Response>();
const asked: { readonly url: string; readonly headers: Headers }[] = [];

const webFetch: typeof globalThis.fetch = async (input, init) => {
  const url = String(input);
  asked.push({ url, headers: new Headers(init?.headers) });
  return web.get(url)?.() ?? new Response('nothing here', { status: 404 });
};

const publish = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  web.set(
    url,
    () => new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json', ...headers } }),
  );

let server: TestServer;
/** Follows redirects. */
let ada: Agent;
/** The same person, who sees each. */
let step: Agent;
let chatgpt: { readonly privateKey: CryptoKey; readonly jwk: JWK };

beforeAll(async () => {
  server = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'open' }, { fetch: webFetch });
  const person = await addPerson(server);
  ada = createAgent();
  step = createAgent({ follow: false });
  await signedIn(server, ada, person);
  await signedIn(server, step, person);
  for (const document of Object.values(METADATA_DOCUMENTS)) publish(document.client_id, document);
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  chatgpt = {
    privateKey,
    jwk: { ...(await exportJWK(publicKey)), kid: 'chatgpt-1', use: 'sig', alg: 'RS256' },
  };
  publish(METADATA_DOCUMENTS.ChatGPT.jwks_uri, { keys: [chatgpt.jwk] });
});

afterAll(() => server.stop());

beforeEach(() => {
  asked.length = 0;
});

let published = 0;
/** A document of a client of its own. */
function newDocument(more: Readonly<Record<string, unknown>> = {}): string {
  published += 1;
  const url = `https://app${published}.example/oauth/client.json`;
  publish(url, {
    client_id: url,
    client_name: 'Some App',
    redirect_uris: ['http://127.0.0.1/callback', 'https://app.example/cb'],
    ...more,
  });
  return url;
}

async function pageFor(clientId: string, params: RequestParams = {}): Promise<Page> {
  const { value: started } = await askFor(server, step, clientId, params);
  return step.get(started.location ?? '');
}

const text = (page: Page) => page.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

const asUsed = (uri: string) => uri.replace(/^(http:\/\/(?:localhost|127\.0\.0\.1))(?::\d+)?/, '$1:58135');

/** What proves the client at the token endpoint. */
async function proof(document: { client_id: string; token_endpoint_auth_method: string }) {
  if (document.token_endpoint_auth_method === 'none') return { client_id: document.client_id };
  const assertion = new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'RS256', kid: 'chatgpt-1' })
    .setIssuer(document.client_id)
    .setSubject(document.client_id)
    .setAudience(server.issuer)
    .setIssuedAt()
    .setExpirationTime('1m');
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertion.sign(chatgpt.privateKey),
  };
}

describe.each(Object.entries(METADATA_DOCUMENTS))('the document of %s', (_name, document) => {
  it('MCP 46, MCP 49, MCP 52, MCP 53, MCP 54: leads from each of its redirects, at any port, to a token', async () => {
    for (const registered of document.redirect_uris) {
      const redirectUri = asUsed(registered);
      const { code, verifier, callback } = await obtainCode(server, ada, document.client_id, {
        redirect_uri: redirectUri,
      });
      expect(callback.get('iss')).toBe(server.issuer);
      const { status, body } = await post(server, '/token', {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        redirect_uri: redirectUri,
        resource: FILES,
        ...(await proof(document)),
      });
      expect({ redirectUri, status, error: body.error }).toEqual({
        redirectUri,
        status: 200,
        error: undefined,
      });
      expect(claimsOf(body.access_token)).toMatchObject({
        client_id: document.client_id,
        aud: FILES,
        client_trust: 'untrusted',
      });
      expect(body.refresh_token).toBeDefined();
      const refreshed = await post(server, '/token', {
        grant_type: 'refresh_token',
        refresh_token: body.refresh_token ?? '',
        ...(await proof(document)),
      });
      expect(refreshed.status).toBe(200);
    }
  });

  it('MCP 29, MCP 30, MCP 55, K12: consent shows the host of its identity and of the redirect, with a warning', async () => {
    const redirectUri = asUsed(document.redirect_uris[0]);
    const page = await pageFor(document.client_id, { redirect_uri: redirectUri });
    const words = text(page);
    expect(words).toContain(document.client_name);
    expect(words).toContain(`Its identity is the web address ${new URL(document.client_id).host}`);
    expect(words).toContain('This program is not verified');
    expect(words).toContain('not verified');
    expect(words).toContain(
      `You will go back to ${new URL(redirectUri).protocol}//${new URL(redirectUri).host}`,
    );
    const loopback = redirectUri.startsWith('http:');
    expect(words.includes('Another program on this computer could pretend to be')).toBe(loopback);
  });

  it('MCP 18: another path, another host or another scheme is refused', async () => {
    const redirectUri = asUsed(document.redirect_uris[0]);
    for (const evil of [
      `${redirectUri}/other`,
      'https://evil.example/cb',
      redirectUri.replace(/^http(s?):/, (_, s) => (s ? 'http:' : 'https:')),
    ]) {
      expectRefusedOnPage(await askFor(server, step, document.client_id, { redirect_uri: evil }), {
        reason: 'redirect_uri',
      });
    }
  });
});

describe('a document', () => {
  it('MCP 50: is fetched once and kept for a while, without cookies or credentials', async () => {
    const clientId = newDocument();
    for (let at = 0; at < 3; at += 1) await askFor(server, step, clientId);
    expect(asked.map(({ url }) => url)).toEqual([clientId]);
    const [{ headers } = { headers: new Headers() }] = asked;
    expect(headers.get('accept')).toBe('application/json, application/*+json');
    for (const name of ['cookie', 'authorization', 'referer', 'origin'])
      expect(headers.has(name)).toBe(false);
  });

  it('K10: a hundred requests for one document fetch it once', async () => {
    const clientId = newDocument();
    await Promise.all(
      Array.from({ length: 100 }, () =>
        fetch(`${server.issuer}/authorize?client_id=${encodeURIComponent(clientId)}`),
      ),
    );
    expect(asked).toHaveLength(1);
  });

  const faults: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    [
      'MCP 47: the client_id of another',
      { client_id: 'https://claude.ai/oauth/claude-code-client-metadata' },
    ],
    ['MCP 48: no client_id', { client_id: undefined }],
    ['MCP 48: no name', { client_name: undefined }],
    ['MCP 48: an empty name', { client_name: ' ' }],
    ['MCP 48: no redirects', { redirect_uris: undefined }],
    ['MCP 52: a method with a secret', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['MCP 52: a secret', { client_secret: 'x' }],
    [
      'K5: a symmetric algorithm',
      {
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'HS256',
        jwks_uri: 'https://app.example/jwks',
      },
    ],
    [
      'K5: a symmetric key',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } },
    ],
    [
      'K5: a private key',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'EC', d: 'd' }] } },
    ],
    ['B2: a redirect that is a script', { redirect_uris: ['https://app.example/cb', 'javascript:alert(1)'] }],
    ['B4: a redirect with a wildcard', { redirect_uris: ['https://*.example/cb'] }],
    ['B5: a redirect by plain http', { redirect_uris: ['http://evil.example/cb'] }],
    ['B7: a redirect with a fragment', { redirect_uris: ['https://app.example/cb#x'] }],
    [
      'K7: a redirect that nobody may have, beside the one in use',
      { redirect_uris: ['https://app.example/cb', 'http://elsewhere.example/cb'] },
    ],
  ];
  it.each(faults)('%s is refused on a page, with the fault on record', async (_what, more) => {
    const clientId = newDocument(more);
    const refused = await askFor(server, step, clientId, { redirect_uri: 'https://app.example/cb' });
    expectRefusedOnPage(refused, { reason: 'client_document' });
    expect(refused.records[0]?.detail).toEqual({ why: expect.stringMatching(/\w/) });
    expect(refused.value.html).toContain('This program could not be identified');
    expect(refused.clients).toBe(0);
  });

  it.each([
    ['missing', () => new Response('', { status: 404 })],
    ['broken', () => new Response('{', { headers: { 'content-type': 'application/json' } })],
    ['a list', () => new Response('[]', { headers: { 'content-type': 'application/json' } })],
    ['null', () => new Response('null', { headers: { 'content-type': 'application/json' } })],
    ['HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } }),
    ],
    ['a failure', () => new Response('', { status: 500 })],
    [
      'too large',
      () =>
        new Response(JSON.stringify({ x: 'a'.repeat(100_000) }), {
          headers: { 'content-type': 'application/json' },
        }),
    ],
  ] as const)('MCP 51: what is %s is refused on a page', async (_what, response) => {
    const clientId = newDocument();
    web.set(clientId, response);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_document' });
    expect(asked).toHaveLength(1);
  });

  it.each([
    'http://app.example/client.json',
    'https://app.example',
    'https://app.example/',
    'HTTPS://app.example/client.json',
    'https://App.example/client.json',
    'https://app.example:443/client.json',
    'https://app.example/a/../client.json',
    'https://app.example/%2e%2e/client.json',
    'https://user@app.example/client.json',
    'https://app.example/client.json#x',
    'https://app.example\\client.json',
    'https://xn--e1awd7f.example/../client.json',
  ])('K3: %s is refused without a fetch', async (clientId) => {
    const refused = await askFor(server, step, clientId);
    expect(refused.value.status).toBe(400);
    expect(refused.value.headers.get('location')).toBeNull();
    expect(refused.records).toHaveLength(1);
    expect(asked).toEqual([]);
  });

  it('MCP 56: a failure is not permanent, and a client that is in use survives one', async () => {
    const clientId = newDocument();
    const { code, verifier } = await obtainCode(server, ada, clientId, {
      redirect_uri: 'https://app.example/cb',
    });
    web.set(clientId, () => new Response('', { status: 503 }));
    const { status } = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
    });
    expect(status).toBe(200);
  });

  it('MCP 55: a client that was registered here under that URL wins, and nothing is fetched', async () => {
    const clientId = newDocument();
    await server.database.prisma.client.create({
      data: {
        id: clientId,
        tenantId: 'ten_default',
        registration: 'preregistered',
        name: 'Vetted App',
        authMethod: 'none',
        redirectUris: ['https://vetted.example/cb'],
        grantTypes: ['authorization_code'],
        trust: 'known',
        metadata: {},
      },
    });
    const page = await pageFor(clientId, { redirect_uri: 'https://vetted.example/cb' });
    expect(text(page)).toContain('Vetted App');
    expect(text(page)).not.toContain('This program is not verified');
    expectRefusedOnPage(await askFor(server, step, clientId, { redirect_uri: 'https://app.example/cb' }), {
      reason: 'redirect_uri',
    });
    expect(asked).toEqual([]);
  });

  it.each(['blocked', 'removed'])('MCP 55: of a client that was %s is not asked for again', async (how) => {
    const clientId = newDocument();
    await obtainCode(server, ada, clientId, { redirect_uri: 'https://app.example/cb' });
    const { prisma } = server.database;
    if (how === 'blocked')
      await prisma.client.update({ where: { id: clientId }, data: { trust: 'blocked' } });
    else await removeClient({ prisma, revokeGrantsOf }, clientId, cause);
    expectRefusedOnPage(await askFor(server, step, clientId, { redirect_uri: 'https://app.example/cb' }), {
      reason: `client_${how}`,
      code: 'invalid_client',
    });
  });

  it('is kept as it was consented to, once, as an untrusted client of its own kind', async () => {
    const clientId = newDocument();
    const { records, clients } = await observe(server, async () => {
      await obtainCode(server, ada, clientId, { redirect_uri: 'https://app.example/cb' });
      await obtainCode(server, ada, clientId, { redirect_uri: 'https://app.example/cb' });
    });
    expect(clients).toBe(1);
    expect(records.filter(({ event }) => event === 'client.registered')).toHaveLength(1);
    const row = await server.database.prisma.client.findUniqueOrThrow({ where: { id: clientId } });
    expect(row).toMatchObject({
      registration: 'document',
      trust: 'untrusted',
      name: 'Some App',
      authMethod: 'none',
    });
    const page = await pageFor(clientId, { redirect_uri: 'https://app.example/cb' });
    expect(text(page)).toMatch(/first seen/);
  });

  it('K12, M10: with a name that would be more than a name is shown as text', async () => {
    const clientId = newDocument({
      client_name: '"><script>alert(1)</script>\u202eedualC',
      client_uri: 'javascript:alert(1)',
      logo_uri: 'https://evil.example/track.svg',
    });
    const page = await pageFor(clientId, { redirect_uri: 'https://app.example/cb' });
    expect(page.form?.step).toBe('consent');
    expect(page.html).not.toContain('<script>alert');
    expect(page.html).not.toContain('\u202e');
    expect(page.html).not.toContain('javascript:');
    expect(page.html).not.toContain('evil.example/track');
  });

  it('K2: a look-alike of another client is a client of its own, with its own host on the page', async () => {
    const clientId = 'https://claude.ai.evil.example/oauth/claude-code-client-metadata';
    publish(clientId, {
      ...METADATA_DOCUMENTS['Claude Code'],
      client_id: clientId,
    });
    const page = await pageFor(clientId, { redirect_uri: 'http://localhost:1234/callback' });
    expect(text(page)).toContain('Its identity is the web address claude.ai.evil.example');
  });
});

describe('private_key_jwt of a document', () => {
  const document = METADATA_DOCUMENTS.ChatGPT;

  async function redeemWith(
    sign: (jwt: SignJWT) => Promise<string>,
    header: Readonly<Record<string, string>>,
  ) {
    const { code, verifier } = await obtainCode(server, ada, document.client_id, {
      redirect_uri: document.redirect_uris[0],
    });
    const jwt = new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'RS256', ...header })
      .setIssuer(document.client_id)
      .setSubject(document.client_id)
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('1m');
    return post(server, '/token', {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await sign(jwt),
    });
  }

  it('MCP 43: another key, a secret and no proof at all are refused', async () => {
    const { privateKey: other } = await generateKeyPair('RS256');
    expect((await redeemWith((jwt) => jwt.sign(other), { kid: 'chatgpt-1' })).status).toBe(401);
    const shared = new TextEncoder().encode('a secret that is long enough for it');
    expect((await redeemWith((jwt) => jwt.sign(shared), { alg: 'HS256' })).status).toBe(401);
    const { code, verifier } = await obtainCode(server, ada, document.client_id, {
      redirect_uri: document.redirect_uris[0],
    });
    const without = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: document.client_id,
      code,
      code_verifier: verifier,
    });
    expect(without.status).toBe(401);
    expect(without.body.error).toBe('invalid_client');
  });
});
