import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { basic, obtainCode, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import { startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  endOf,
  recordsOf,
  redeem,
  refresh,
  send,
  tokensOf,
} from '../../support/token-requests.ts';

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;
type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});

afterAll(() => server.stop());

const invalidClient = { status: 401, body: { error: 'invalid_client' } };
const nothing = { grant_type: 'refresh_token', refresh_token: 'unknown' };
/** What a client that was let in is told about a refresh token that nobody issued. */
const letIn = { status: 400, body: { error: 'invalid_grant' } };

async function expectRefused(response: TokenResponse, client: string | undefined): Promise<void> {
  expect(response).toMatchObject(invalidClient);
  expect(response.headers.get('cache-control')).toContain('no-store');
  const records = await recordsOf(server, response);
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ event: 'client.authentication_failed', outcome: 'refused' });
  if (client !== undefined) expect(records[0]?.client).toBe(client);
}

describe('a client with a secret', () => {
  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'MCP 42: registered for %s, gets tokens by either method',
    async (authMethod) => {
      const { clientId, clientSecret = '' } = await addTestClient(server, { authMethod });
      expect(`${clientId}${clientSecret}`).toMatch(/^[A-Za-z0-9_-]+$/);
      const inBody = { client_id: clientId, client_secret: clientSecret };
      const inHeader = basic(clientId, clientSecret);

      for (const [params, headers] of [
        [inBody, {}],
        [{}, inHeader],
        [{ client_id: clientId }, inHeader],
      ] as const) {
        const { code, verifier } = await obtainCode(server, ada.agent, clientId);
        const first = await post(
          server,
          '/token',
          { grant_type: 'authorization_code', code, code_verifier: verifier, ...params },
          headers,
        );
        const { refreshToken } = tokensOf(first);
        const next = await post(
          server,
          '/token',
          { grant_type: 'refresh_token', refresh_token: refreshToken, ...params },
          headers,
        );
        expect(next.status).toBe(200);
      }
    },
  );

  it('J1, MCP 41: with a wrong secret is 401, with a challenge for Basic when it came so', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const other = await addTestClient(server, { authMethod: 'client_secret_basic' });
    const stored = await server.database.prisma.client.findUniqueOrThrow({ where: { id: clientId } });
    const wrong = [
      'x',
      clientSecret.slice(0, -1),
      `${clientSecret}x`,
      clientSecret.toLowerCase(),
      other.clientSecret ?? '',
      Buffer.from(stored.secretHash ?? []).toString('base64url'),
      '__proto__',
    ];
    for (const secret of wrong) {
      const byHeader = await post(server, '/token', nothing, basic(clientId, secret));
      await expectRefused(byHeader, clientId);
      expect(byHeader.headers.get('www-authenticate')).toMatch(/^Basic realm="http/);
      const byBody = await post(server, '/token', { ...nothing, client_id: clientId, client_secret: secret });
      await expectRefused(byBody, clientId);
      expect(byBody.headers.get('www-authenticate')).toBeNull();
    }
    expect(await post(server, '/token', nothing, basic(clientId, clientSecret))).toMatchObject(letIn);
  });

  it('E4, J3: without its secret, or by a method that is not its own, is 401', async () => {
    const { clientId } = await addTestClient(server, { authMethod: 'client_secret_post' });
    await expectRefused(await post(server, '/token', { ...nothing, client_id: clientId }), clientId);
    const { privateKey } = await generateKeyPair('ES256');
    const assertion = await sign(privateKey, 'ES256', clientId, {});
    await expectRefused(await post(server, '/token', { ...nothing, ...assertion }), clientId);
  });

  it('J2: two methods at once are invalid_request', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const both = await post(
      server,
      '/token',
      { ...nothing, client_id: clientId, client_secret: clientSecret },
      basic(clientId, clientSecret),
    );
    expect(both).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    const another = await post(
      server,
      '/token',
      { ...nothing, client_id: ada.clientId },
      basic(clientId, clientSecret),
    );
    expect(another).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });
});

describe('a client without a secret', () => {
  it('MCP 42: is its client_id alone, and nothing else', async () => {
    expect(await post(server, '/token', { ...nothing, client_id: ada.clientId })).toMatchObject(letIn);
    await expectRefused(
      await post(server, '/token', { ...nothing, client_id: ada.clientId, client_secret: 'any' }),
      ada.clientId,
    );
    await expectRefused(await post(server, '/token', nothing, basic(ada.clientId, 'any')), ada.clientId);
  });

  it('MCP 41: that nobody knows is 401 invalid_client, in any shape and at every endpoint', async () => {
    const unknown = [
      'cli_unknown',
      'x',
      '__proto__',
      'constructor',
      'a b',
      '🦄',
      "' OR 1=1 --",
      'x'.repeat(3_000),
    ];
    for (const client_id of unknown) {
      for (const [path, params] of [
        ['/token', nothing],
        ['/introspect', { token: 'x' }],
        ['/revoke', { token: 'x' }],
      ] as const) {
        await expectRefused(await post(server, path, { ...params, client_id }), undefined);
      }
    }
    const nobody = await post(server, '/token', nothing);
    expect(nobody).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });
});

/** The parameters of a client assertion (RFC 7523 §2.2). */
async function sign(
  key: Key | Uint8Array,
  alg: string,
  clientId: string,
  claims: JWTPayload,
): Promise<Readonly<Record<string, string>>> {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: clientId,
    sub: clientId,
    aud: server.issuer,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims,
  };
  const jwt = await new SignJWT(all).setProtectedHeader({ alg, kid: 'k1' }).sign(key);
  return { client_assertion_type: JWT_BEARER, client_assertion: jwt };
}

async function addKeyClient(
  alg: string,
): Promise<{ readonly clientId: string; readonly privateKey: Key; readonly publicJwk: object }> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), alg, kid: 'k1', use: 'sig' };
  const { clientId } = await addTestClient(server, {
    authMethod: 'private_key_jwt',
    jwks: { keys: [publicJwk] },
  });
  return { clientId, privateKey, publicJwk };
}

describe('private_key_jwt', () => {
  it.each(ALGORITHMS)(
    'MCP 43: %s gives tokens, with the issuer or the token endpoint as audience',
    async (alg) => {
      const { clientId, privateKey } = await addKeyClient(alg);
      let refreshToken: string | undefined;
      for (const aud of [
        server.issuer,
        `${server.issuer}/token`,
        [server.issuer],
        [`${server.issuer}/token`, server.issuer],
      ]) {
        const { code, verifier } = await obtainCode(server, ada.agent, clientId);
        const first = await post(server, '/token', {
          grant_type: 'authorization_code',
          code,
          code_verifier: verifier,
          ...(await sign(privateKey, alg, clientId, { aud })),
        });
        refreshToken = tokensOf(first).refreshToken;
      }
      const next = await post(server, '/token', {
        grant_type: 'refresh_token',
        refresh_token: refreshToken ?? '',
        client_id: clientId,
        ...(await sign(privateKey, alg, clientId, {})),
      });
      const { accessToken, refreshToken: newest } = tokensOf(next);
      for (const aud of [server.issuer, `${server.issuer}/token`]) {
        const introspected = await post(server, '/introspect', {
          token: accessToken,
          ...(await sign(privateKey, alg, clientId, { aud })),
        });
        expect(introspected.body).toMatchObject({ active: true });
      }
      const revoked = await post(server, '/revoke', {
        token: newest,
        ...(await sign(privateKey, alg, clientId, {})),
      });
      expect(revoked.status).toBe(200);
    },
  );

  it('J4, MCP 43: an assertion is accepted once, also at another endpoint and by another process', async () => {
    const { clientId, privateKey } = await addKeyClient('ES256');
    const assertion = await sign(privateKey, 'ES256', clientId, {});
    expect(await post(server, '/token', { ...nothing, ...assertion })).toMatchObject(letIn);
    await expectRefused(await post(server, '/token', { ...nothing, ...assertion }), clientId);
    await expectRefused(await post(server, '/introspect', { token: 'x', ...assertion }), clientId);
    const other = await startServerProcess(server.environment);
    try {
      expect(await send(other, '/token', { ...nothing, ...assertion })).toMatchObject(invalidClient);
    } finally {
      await other.stop();
    }
    const sameId = await sign(privateKey, 'ES256', clientId, { jti: 'once' });
    expect(await post(server, '/introspect', { token: 'x', ...sameId })).toMatchObject({ status: 200 });
    const again = await sign(privateKey, 'ES256', clientId, {
      jti: 'once',
      exp: Math.floor(Date.now() / 1000) + 50,
    });
    await expectRefused(await post(server, '/introspect', { token: 'x', ...again }), clientId);
  });

  it('MCP 43: of parallel replays of one assertion one is let in', async () => {
    const { clientId, privateKey } = await addKeyClient('ES256');
    for (let round = 0; round < 3; round += 1) {
      const assertion = await sign(privateKey, 'ES256', clientId, {});
      const responses = await Promise.all(
        Array.from({ length: 20 }, () => post(server, '/token', { ...nothing, ...assertion })),
      );
      const refused = responses.filter(({ status }) => status === 401);
      expect(responses.length - refused.length).toBe(1);
      for (const response of refused) expect(response).toMatchObject(invalidClient);
    }
  });

  it('MCP 43: the same jti of two clients is two assertions', async () => {
    const [one, two] = [await addKeyClient('ES256'), await addKeyClient('ES256')];
    for (const { clientId, privateKey } of [one, two]) {
      const assertion = await sign(privateKey, 'ES256', clientId, { jti: 'shared' });
      expect(await post(server, '/token', { ...nothing, ...assertion })).toMatchObject(letIn);
    }
  });

  it('MCP 43: an assertion that is wrong in any way is 401', async () => {
    const { clientId, privateKey, publicJwk } = await addKeyClient('ES256');
    const { privateKey: foreign } = await generateKeyPair('ES256');
    const { privateKey: rsa } = await generateKeyPair('RS256');
    const now = Math.floor(Date.now() / 1000);
    const asSecret = Buffer.from(JSON.stringify(publicJwk));
    const good = (await sign(privateKey, 'ES256', clientId, {}))['client_assertion'] ?? '';
    const [header, payload] = good.split('.');
    const none = Buffer.from('{"alg":"none","kid":"k1"}').toString('base64url');
    const raw = (client_assertion: string) => ({ client_assertion_type: JWT_BEARER, client_assertion });

    const wrong: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      'another key': await sign(foreign, 'ES256', clientId, {}),
      'another algorithm': await sign(rsa, 'RS256', clientId, {}),
      'the public key as an HMAC secret': await sign(asSecret, 'HS256', clientId, {}),
      'no signature': raw(`${none}.${payload}.`),
      'the signature cut off': raw(`${header}.${payload}.`),
      'another audience': await sign(privateKey, 'ES256', clientId, { aud: 'https://other.example' }),
      'an audience beside ours, who could present it here first': await sign(privateKey, 'ES256', clientId, {
        aud: [server.issuer, 'https://other.example'],
      }),
      'an endpoint of ours that is not where it was sent': await sign(privateKey, 'ES256', clientId, {
        aud: `${server.issuer}/introspect`,
      }),
      'an audience that begins like ours': await sign(privateKey, 'ES256', clientId, {
        aud: `${server.issuer}/tokens`,
      }),
      'no audience': await sign(privateKey, 'ES256', clientId, { aud: [] }),
      'another issuer': await sign(privateKey, 'ES256', clientId, { iss: ada.clientId }),
      expired: await sign(privateKey, 'ES256', clientId, { exp: now - 120 }),
      'not valid yet': await sign(privateKey, 'ES256', clientId, { nbf: now + 600 }),
      'without jti': await sign(privateKey, 'ES256', clientId, { jti: '' }),
      'without exp': await sign(privateKey, 'ES256', clientId, { exp: 0 }),
      'valid for ever': await sign(privateKey, 'ES256', clientId, { exp: 9e15 }),
      'valid for a year': await sign(privateKey, 'ES256', clientId, { exp: now + 31_536_000 }),
    };
    for (const [name, assertion] of Object.entries(wrong)) {
      const response = await post(server, '/token', { ...nothing, client_id: clientId, ...assertion });
      expect(response, name).toMatchObject(invalidClient);
      await expectRefused(response, clientId);
    }
    expect(await post(server, '/token', { ...nothing, ...raw(good) })).toMatchObject(letIn);
  });

  it('J3, MCP 43: a client of keys is let in by nothing less', async () => {
    const { clientId } = await addKeyClient('ES256');
    await expectRefused(await post(server, '/token', { ...nothing, client_id: clientId }), clientId);
    await expectRefused(
      await post(server, '/token', { ...nothing, client_id: clientId, client_secret: 'x' }),
      clientId,
    );
    await expectRefused(await post(server, '/token', nothing, basic(clientId, 'x')), clientId);
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
      const response = await post(server, '/token', {
        ...nothing,
        client_assertion_type: JWT_BEARER,
        client_assertion,
      });
      expect([400, 401], client_assertion.slice(0, 20)).toContain(response.status);
      expect(response.body.error).toMatch(/^invalid_(client|request)$/);
      expect(await recordsOf(server, response)).toHaveLength(1);
    }
  });
});

describe('a failed authentication', () => {
  it('spends neither a code nor a refresh token', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, { authMethod: 'client_secret_post' });
    const good = await obtainCode(server, ada.agent, clientId);
    for (const params of [{}, { client_secret: 'wrong' }, { client_id: 'cli_unknown' }] as readonly Record<
      string,
      string
    >[]) {
      expect((await redeem(server, clientId, good, params)).status).toBe(401);
    }
    const tokens = tokensOf(await redeem(server, clientId, good, { client_secret: clientSecret }));
    for (const params of [{}, { client_secret: 'wrong' }, { client_id: 'cli_unknown' }] as readonly Record<
      string,
      string
    >[]) {
      expect((await refresh(server, clientId, tokens.refreshToken, params)).status).toBe(401);
    }
    expect(await endOf(server, tokens.grantId)).toBeUndefined();
    const next = await refresh(server, clientId, tokens.refreshToken, { client_secret: clientSecret });
    expect(next.status).toBe(200);
  });
});
