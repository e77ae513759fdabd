import type { webcrypto } from 'node:crypto';
import { generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { addKeyClient, assertionOf, JWT_BEARER, newClientKey, type Said } from '../../support/assertion.ts';
import { basic, obtainCode, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import { startServerProcess } from '../../support/server-process.ts';
import { type Connected, connected, recordsOf, send, tokensOf } from '../../support/token-requests.ts';

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;
const ENDPOINTS = ['/token', '/introspect', '/revoke'] as const;

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});

afterAll(() => server.stop());

const nothing = { grant_type: 'refresh_token', refresh_token: 'unknown', token: 'unknown' };
/** What a client that was let in is told about a refresh token that nobody issued. */
const letIn = { status: 400, body: { error: 'invalid_grant' } };
const now = () => Math.floor(Date.now() / 1000);

async function expectRefused(response: TokenResponse, clientId: string, reason: string): Promise<void> {
  expect(response, reason).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  expect(response.headers.get('cache-control')).toContain('no-store');
  expect(response.headers.get('www-authenticate')).toBeNull();
  expect(await recordsOf(server, response)).toMatchObject([
    { event: 'client.authentication_failed', outcome: 'refused', client: clientId, reason },
  ]);
}

async function rememberedIdentifiers(): Promise<number> {
  return server.database.prisma.usedIdentifier.count();
}

describe('private_key_jwt', () => {
  it.each(ALGORITHMS)(
    'MCP 43: %s gives tokens, with the issuer or the token endpoint as audience',
    async (alg) => {
      const client = await addKeyClient(server, alg);
      for (const aud of [
        server.issuer,
        `${server.issuer}/token`,
        [server.issuer],
        [`${server.issuer}/token`, server.issuer],
      ]) {
        const { code, verifier } = await obtainCode(server, ada.agent, client.clientId);
        const first = await post(server, '/token', {
          grant_type: 'authorization_code',
          code,
          code_verifier: verifier,
          ...(await assertionOf(server, client, { claims: { aud } })),
        });
        const next = await post(server, '/token', {
          grant_type: 'refresh_token',
          refresh_token: tokensOf(first).refreshToken,
          client_id: client.clientId,
          ...(await assertionOf(server, client)),
        });
        expect(next.status).toBe(200);
      }
    },
  );

  it('MCP 43: an endpoint takes its own URL as audience too, and not that of another', async () => {
    const client = await addKeyClient(server);
    for (const path of ENDPOINTS) {
      for (const named of ENDPOINTS) {
        const params = await assertionOf(server, client, { claims: { aud: `${server.issuer}${named}` } });
        const response = await post(server, path, { ...nothing, ...params });
        if (named === '/token' || named === path)
          expect(response.status, `${named} at ${path}`).not.toBe(401);
        else await expectRefused(response, client.clientId, 'assertion_audience');
      }
    }
  });

  it('A15, MCP 43: the audience is what is configured, whatever the headers of a proxy say', async () => {
    const client = await addKeyClient(server);
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example' };
    const ours = await assertionOf(server, client, { claims: { aud: `${server.issuer}/token` } });
    expect(await post(server, '/token', { ...nothing, ...ours }, headers)).toMatchObject(letIn);
    for (const aud of ['https://evil.example/token', `${server.issuer.replace('http:', 'https:')}/token`]) {
      const theirs = await assertionOf(server, client, { claims: { aud } });
      const response = await post(server, '/token', { ...nothing, ...theirs }, headers);
      await expectRefused(response, client.clientId, 'assertion_audience');
    }
  });

  it('MCP 43: is let in where the clocks differ by less than a minute, and where it says what it is', async () => {
    const client = await addKeyClient(server);
    const good: Readonly<Record<string, Said>> = {
      'issued in half a minute': { claims: { iat: now() + 50 } },
      'valid in half a minute': { claims: { nbf: now() + 50 } },
      'expired half a minute ago': { claims: { exp: now() - 40 } },
      'valid for an hour': { claims: { exp: now() + 3600 } },
      'issued a while ago': { claims: { iat: now() - 600 } },
      'without iat': { claims: { iat: undefined } },
      'typed as a JWT': { header: { typ: 'JWT' } },
      'typed as an assertion': { header: { typ: 'client-authentication+jwt' } },
    };
    for (const [name, said] of Object.entries(good)) {
      const response = await post(server, '/token', {
        ...nothing,
        ...(await assertionOf(server, client, said)),
      });
      expect(response, name).toMatchObject(letIn);
    }
  });

  it('MCP 43: an assertion that is wrong in any way is 401, and nothing is kept of it', async () => {
    const client = await addKeyClient(server);
    const { clientId, key } = client;
    const { privateKey: foreign } = await generateKeyPair('ES256');
    const { privateKey: rsa } = await generateKeyPair('RS256');
    const { privateKey: long } = await generateKeyPair('RS512');
    const asSecret = Buffer.from(JSON.stringify(key.jwk));
    const otherId = 'assertion_issuer';
    const before = await rememberedIdentifiers();
    const wrong: readonly (readonly [name: string, said: Said, reason: string])[] = [
      ['another key', { signer: foreign }, 'assertion_signature'],
      ['another kid', { header: { kid: 'nobody' } }, 'assertion_key'],
      ['another algorithm', { signer: rsa, header: { alg: 'RS256' } }, 'assertion_key'],
      ['a longer hash', { signer: long, header: { alg: 'RS512' } }, 'assertion_algorithm'],
      ['HMAC with the public key', { signer: asSecret, header: { alg: 'HS256' } }, 'assertion_algorithm'],
      ['another audience', { claims: { aud: 'https://other.example' } }, 'assertion_audience'],
      ['one that begins like ours', { claims: { aud: `${server.issuer}/tokens` } }, 'assertion_audience'],
      ['one that ends in a slash', { claims: { aud: `${server.issuer}/` } }, 'assertion_audience'],
      [
        'an audience beside ours',
        { claims: { aud: [server.issuer, 'https://o.example'] } },
        'assertion_audience',
      ],
      ['no audience', { claims: { aud: undefined } }, 'assertion_audience'],
      ['an empty audience', { claims: { aud: [] } }, 'assertion_audience'],
      ['another issuer', { claims: { iss: ada.clientId } }, otherId],
      ['no issuer', { claims: { iss: undefined } }, otherId],
      ['expired', { claims: { exp: now() - 61 } }, 'assertion_expired'],
      ['no exp', { claims: { exp: undefined } }, 'assertion_expired'],
      ['exp 0', { claims: { exp: 0 } }, 'assertion_expired'],
      ['exp as text', { claims: { exp: '9999999999' } }, 'assertion_expired'],
      ['valid for two hours', { claims: { exp: now() + 7200 } }, 'assertion_lifetime'],
      ['valid for ever', { claims: { exp: 9e15 } }, 'assertion_lifetime'],
      ['not valid yet', { claims: { nbf: now() + 65 } }, 'assertion_not_yet_valid'],
      ['issued in the future', { claims: { iat: now() + 65 } }, 'assertion_not_yet_valid'],
      ['iat as text', { claims: { iat: 'now' } }, 'assertion_not_yet_valid'],
      ['no jti', { claims: { jti: undefined } }, 'assertion_id'],
      ['an empty jti', { claims: { jti: '' } }, 'assertion_id'],
      ['a jti that is no text', { claims: { jti: 7 } }, 'assertion_id'],
      ['an access token', { header: { typ: 'at+jwt' } }, 'assertion_type'],
      ['a DPoP proof', { header: { typ: 'dpop+jwt' } }, 'assertion_type'],
    ];
    for (const [name, said, reason] of wrong) {
      const params = await assertionOf(server, client, said);
      const response = await post(server, '/token', { ...nothing, client_id: clientId, ...params });
      expect(response.status, name).toBe(401);
      await expectRefused(response, clientId, reason);
    }

    const { client_assertion: good } = await assertionOf(server, client);
    const [header, payload] = good.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const raw = (client_assertion: string) => ({ client_assertion_type: JWT_BEARER, client_assertion });
    for (const [jwt, reason] of [
      [`${none}.${payload}.`, 'assertion_algorithm'],
      [`${header}.${payload}.`, 'assertion_signature'],
      [`${header}.${payload}.${'A'.repeat(86)}`, 'assertion_signature'],
    ] as const) {
      await expectRefused(await post(server, '/token', { ...nothing, ...raw(jwt) }), clientId, reason);
    }
    expect(await rememberedIdentifiers()).toBe(before);
    expect(await post(server, '/token', { ...nothing, ...raw(good) })).toMatchObject(letIn);
  });

  it('MCP 43: an assertion about somebody else is theirs to sign', async () => {
    const [mine, theirs] = [await addKeyClient(server), await addKeyClient(server)];
    for (const claims of [{ sub: theirs.clientId }, { sub: theirs.clientId, iss: theirs.clientId }]) {
      const response = await post(server, '/token', {
        ...nothing,
        ...(await assertionOf(server, mine, { claims })),
      });
      expect(response).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    }
    const named = await post(server, '/token', {
      ...nothing,
      client_id: theirs.clientId,
      ...(await assertionOf(server, mine)),
    });
    expect(named).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('MCP 43: an RSA key that names no algorithm verifies both of RSA', async () => {
    const key = await newClientKey('RS256');
    const { alg: _, ...any } = key.jwk;
    const { clientId } = await addTestClient(server, {
      authMethod: 'private_key_jwt',
      jwks: { keys: [any] },
    });
    for (const alg of ['RS256', 'PS256']) {
      // The same key, as the two schemes use it.
      const signer = await crypto.subtle.importKey(
        'pkcs8',
        await crypto.subtle.exportKey('pkcs8', key.privateKey as webcrypto.CryptoKey),
        { name: alg === 'RS256' ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS', hash: 'SHA-256' },
        false,
        ['sign'],
      );
      const params = await assertionOf(server, { clientId, key }, { header: { alg }, signer });
      expect(await post(server, '/token', { ...nothing, ...params })).toMatchObject(letIn);
    }
  });

  it('J4, MCP 43: is accepted once, also at another endpoint and by another process', async () => {
    const client = await addKeyClient(server);
    const assertion = await assertionOf(server, client);
    expect(await post(server, '/token', { ...nothing, ...assertion })).toMatchObject(letIn);
    for (const path of ENDPOINTS) {
      const again = await post(server, path, { ...nothing, ...assertion });
      await expectRefused(again, client.clientId, 'assertion_replayed');
    }
    const other = await startServerProcess(server.environment);
    try {
      expect(await send(other, '/token', { ...nothing, ...assertion })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
    } finally {
      await other.stop();
    }
    const sameId = await assertionOf(server, client, { claims: { jti: 'once' } });
    expect(await post(server, '/introspect', { ...nothing, ...sameId })).toMatchObject({ status: 200 });
    const resigned = await assertionOf(server, client, { claims: { jti: 'once', exp: now() + 50 } });
    await expectRefused(
      await post(server, '/introspect', { ...nothing, ...resigned }),
      client.clientId,
      'assertion_replayed',
    );
  });

  it('J4: is remembered for longer than any process would accept it', async () => {
    const client = await addKeyClient(server);
    const exp = now() + 300;
    const assertion = await assertionOf(server, client, { claims: { exp } });
    expect(await post(server, '/token', { ...nothing, ...assertion })).toMatchObject(letIn);
    const [newest] = await server.database.prisma.usedIdentifier.findMany({
      orderBy: { expiresAt: 'desc' },
      take: 1,
    });
    // The tolerance of the clock that accepted it, and as much again for one that is behind.
    expect((newest?.expiresAt.getTime() ?? 0) / 1000 - exp).toBeGreaterThanOrEqual(120);
  });

  it('MCP 43: of parallel replays one is let in', async () => {
    const client = await addKeyClient(server);
    for (let round = 0; round < 3; round += 1) {
      const assertion = await assertionOf(server, client);
      const responses = await Promise.all(
        Array.from({ length: 20 }, () => post(server, '/token', { ...nothing, ...assertion })),
      );
      expect(responses.filter(({ status }) => status === 400)).toHaveLength(1);
      expect(responses.filter(({ status }) => status === 401)).toHaveLength(19);
    }
  });

  it('MCP 43: the same jti of two clients is two assertions', async () => {
    for (const client of [await addKeyClient(server), await addKeyClient(server)]) {
      const assertion = await assertionOf(server, client, { claims: { jti: 'shared' } });
      expect(await post(server, '/token', { ...nothing, ...assertion })).toMatchObject(letIn);
    }
  });

  it('J3, MCP 43: a client of keys is let in by nothing less', async () => {
    const { clientId } = await addKeyClient(server);
    for (const path of ENDPOINTS) {
      for (const [params, headers] of [
        [{ client_id: clientId }, {}],
        [{ client_id: clientId, client_secret: 'x' }, {}],
        [{}, basic(clientId, 'x')],
      ] as const) {
        const response = await post(server, path, { ...nothing, ...params }, headers);
        expect(response).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
        expect(await recordsOf(server, response)).toMatchObject([{ reason: 'method', client: clientId }]);
      }
    }
  });

  it('what is no assertion at all is refused and no fault of ours', async () => {
    for (const client_assertion of [
      'x',
      'a.b.c',
      '..',
      '\0',
      'x'.repeat(50_000),
      'e30.e30.e30',
      'bnVsbA.bnVsbA.',
    ]) {
      for (const client_assertion_type of [JWT_BEARER, 'urn:other', '']) {
        const params = { ...nothing, client_assertion_type, client_assertion };
        const response = await post(server, '/token', params);
        expect([400, 401], client_assertion.slice(0, 20)).toContain(response.status);
        expect(response.body.error).toMatch(/^invalid_(client|request)$/);
        expect(await recordsOf(server, response)).toHaveLength(1);
      }
    }
  });
});
