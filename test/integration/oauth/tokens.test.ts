import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { createVerifier } from '../../../packages/verifier/src/index.ts';
import { rotateSecret } from '../../../src/domain/secrets/index.ts';
import { claimsOf, obtainCode, pkce, post } from '../../support/flow.ts';
import { addTestClient, cause, FILES, MAIL, startTestServer, type TestServer } from '../../support/server.ts';
import { statementsDuring } from '../../support/statements.ts';
import {
  type Connected,
  connected,
  freshTokens,
  recordsOf,
  redeem,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});

afterAll(() => server.stop());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const verifierOf = (resource: string) => createVerifier({ issuer: server.issuer, resource });

describe('an access token', () => {
  it('MCP 34, MCP 36: is a JWT of RFC 9068 for one resource, and lives for minutes', async () => {
    const { accessToken, grantId } = await freshTokens(server, ada, { scope: 'files:read files:write' });
    const { keys } = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: { kid: string }[] };
    const { kid, ...header } = decodeProtectedHeader(accessToken);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt' });
    expect(keys.map((key) => key.kid)).toContain(kid);
    const claims = claimsOf(accessToken);
    expect(claims).toEqual({
      iss: server.issuer,
      sub: ada.person.id,
      sub_type: 'user',
      aud: FILES,
      client_id: ada.clientId,
      client_trust: 'known',
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 600,
      jti: expect.stringMatching(/^[\w-]{22}$/),
      scope: 'files:read files:write',
      auth_time: expect.any(Number),
      acr: 'phr',
      amr: ['pop', 'user', 'mfa'],
      tenant: 'ten_default',
      grant_id: grantId,
    });
    const verified = await verifierOf(FILES).verify(accessToken);
    expect(verified).toMatchObject({ subject: ada.person.id, clientId: ada.clientId });
  });

  it('MCP 34, F4: for one resource is refused by the verifier of every other', async () => {
    const { accessToken } = await freshTokens(server, ada);
    for (const other of [MAIL, `${FILES}/sub`, 'https://files.example', server.issuer]) {
      await expect(verifierOf(other).verify(accessToken)).rejects.toMatchObject({ code: 'audience' });
    }
  });

  it('MCP 34: of a refresh that asks for another resource does not exist', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    expect(await refresh(server, ada.clientId, refreshToken, { resource: MAIL })).toMatchObject({
      status: 400,
      body: { error: 'invalid_target' },
    });
  });

  it('MCP 45: is always ours: whatever a client sends along is never in an answer', async () => {
    const upstream = pkce().verifier;
    const { refreshToken } = await freshTokens(server, ada);
    const response = await refresh(server, ada.clientId, refreshToken, {
      subject_token: upstream,
      access_token: upstream,
      assertion: upstream,
    });
    expect(response.status).toBe(200);
    expect(JSON.stringify(response.body)).not.toContain(upstream);
    expect(claimsOf(response.body.access_token)['iss']).toBe(server.issuer);
  });

  it('Y4: is issued at the time of the database, whatever the clock of the node says', async () => {
    let { refreshToken } = await freshTokens(server, ada);
    const now = Date.now();
    for (const skew of [3_600_000, -3_600_000]) {
      vi.useFakeTimers({ toFake: ['Date'], now: now + skew });
      const next = tokensOf(await refresh(server, ada.clientId, refreshToken));
      vi.useRealTimers();
      const { iat, exp } = claimsOf(next.accessToken);
      expect(Math.abs(Number(iat) - Date.now() / 1000)).toBeLessThan(30);
      expect(Number(exp) - Number(iat)).toBe(600);
      refreshToken = next.refreshToken;
    }
  });
});

describe('what is not an access token', () => {
  it('G1: is none at the verifier, nor at introspection', async () => {
    const confidential = await addTestClient(server, { authMethod: 'client_secret_post' });
    const { clientId } = confidential;
    const proof = { client_id: clientId, client_secret: confidential.clientSecret ?? '' };
    const { body } = await redeem(
      server,
      clientId,
      await obtainCode(server, ada.agent, clientId, { scope: 'openid files:read', nonce: 'n' }),
      proof,
    );
    const { code } = await obtainCode(server, ada.agent, ada.clientId);
    const { privateKey } = await generateKeyPair('ES256');
    const { kid } = decodeProtectedHeader(body.access_token ?? '');
    const claims = claimsOf(body.access_token);
    const signedBy = (header: { alg: string; typ: string; kid: string }) =>
      new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    const [header, payload] = (body.access_token ?? '').split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url');

    const others: Readonly<Record<string, string>> = {
      'ID token': String(body['id_token']),
      'refresh token': String(body.refresh_token),
      'authorization code': code,
      'client assertion': await signedBy({ alg: 'ES256', typ: 'JWT', kid: String(kid) }),
      'DPoP proof': await signedBy({ alg: 'ES256', typ: 'dpop+jwt', kid: String(kid) }),
      'security event token': await signedBy({ alg: 'ES256', typ: 'secevent+jwt', kid: String(kid) }),
      'logout token': await signedBy({ alg: 'ES256', typ: 'logout+jwt', kid: String(kid) }),
      'token of another key under our kid': await signedBy({
        alg: 'ES256',
        typ: 'at+jwt',
        kid: String(kid),
      }),
      'token without signature': `${none}.${payload}.`,
      'token whose signature was cut off': `${header}.${payload}.`,
    };
    const verifier = verifierOf(FILES);
    for (const [name, token] of Object.entries(others)) {
      await expect(verifier.verify(token), name).rejects.toMatchObject({ name: 'TokenError' });
      const introspected = await post(server, '/introspect', { ...proof, token });
      expect(introspected.status, name).toBe(200);
      if (name !== 'refresh token') expect(introspected.body, name).toEqual({ active: false });
    }
    expect(await verifier.verify(body.access_token ?? '')).toBeDefined();
  });

  it('G1: an access token is no client assertion', async () => {
    const { accessToken } = await freshTokens(server, ada);
    const refused = await post(server, '/introspect', {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: accessToken,
      token: accessToken,
    });
    expect(refused.status).toBe(401);
    expect(refused.body.error).toBe('invalid_client');
  });
});

describe('the keys', () => {
  it('G5: show public members of signing keys, and nothing else', async () => {
    await freshTokens(server, ada);
    const response = await fetch(`${server.issuer}/jwks`);
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      expect(key).toEqual({
        kty: 'EC',
        crv: 'P-256',
        alg: 'ES256',
        use: 'sig',
        kid: expect.any(String),
        x: expect.any(String),
        y: expect.any(String),
      });
    }
    for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
      const metadata = await (await fetch(`${server.issuer}${path}`)).json();
      expect(metadata).toMatchObject({ jwks_uri: `${server.issuer}/jwks` });
    }
  });
});

/** The names of the statements that reach the database while one request runs. */
async function statementsOf(request: () => Promise<{ readonly status: number }>): Promise<string[]> {
  const { value, statements } = await statementsDuring(request);
  expect(value.status).toBe(200);
  return statements.map(({ name }) => name);
}

describe('what a token request costs', () => {
  it('is two round trips for a code, with or without a refresh token', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId, { scope: 'openid files:read' });
    expect(await statementsOf(() => redeem(server, ada.clientId, good))).toEqual([
      'present-code',
      'redeem-code',
    ]);
  });

  it('is two round trips for a refresh, and for its repetition', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    expect(await statementsOf(() => refresh(server, ada.clientId, refreshToken))).toEqual([
      'present-refresh-token',
      'rotate-refresh-token',
    ]);
    expect(await statementsOf(() => refresh(server, ada.clientId, refreshToken))).toEqual([
      'present-refresh-token',
      'repeat-refresh-token',
    ]);
  });
});

describe('what a client that proves itself costs', () => {
  it('is no round trip more with a secret, also while two of them live', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const { secret } = await rotateSecret(
      server.database.prisma,
      { kind: 'client', id: clientId },
      { overlap: 60 },
      cause,
    );
    for (const client_secret of [clientSecret, secret]) {
      const good = await obtainCode(server, ada.agent, clientId);
      expect(await statementsOf(() => redeem(server, clientId, good, { client_secret }))).toEqual([
        'present-code',
        'redeem-code',
      ]);
    }
  });

  it('is one more with an assertion, for its single use', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const { clientId } = await addTestClient(server, {
      authMethod: 'private_key_jwt',
      jwks: { keys: [await exportJWK(publicKey)] },
    });
    const sign = async () => ({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await new SignJWT({ jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(server.issuer)
        .setExpirationTime('1m')
        .sign(privateKey),
    });
    const good = await obtainCode(server, ada.agent, clientId);
    const assertion = await sign();
    expect(await statementsOf(() => redeem(server, clientId, good, assertion))).toEqual([
      'present-code',
      'use-identifier',
      'redeem-code',
    ]);
  });
});

describe('what is not a token request', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const json = { 'content-type': 'application/json' };
  const big = 'x'.repeat(70_000);

  interface Malformed {
    readonly title: string;
    readonly body?: string | Buffer<ArrayBuffer>;
    readonly headers?: Readonly<Record<string, string>>;
    /** What it may be answered with. */
    readonly status: readonly number[];
    readonly error?: string;
  }

  const named = (client: string) => `client_id=${client}&grant_type=refresh_token&refresh_token=x&token=x`;
  const requests: readonly Malformed[] = [
    { title: 'a body of 70 kB', body: `token=${big}`, headers: form, status: [400, 413] },
    { title: 'a thousand parameters', body: `${'a=1&'.repeat(1000)}b=2`, headers: form, status: [400] },
    {
      title: 'JSON',
      body: '{"grant_type":"refresh_token"}',
      headers: json,
      status: [400, 415],
      error: 'invalid_request',
    },
    {
      title: 'text',
      body: 'token=x',
      headers: { 'content-type': 'text/plain' },
      status: [400, 415],
      error: 'invalid_request',
    },
    {
      title: 'multipart',
      body: '--x\r\n\r\n--x--',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      status: [400, 415],
      error: 'invalid_request',
    },
    { title: 'nothing', status: [400] },
    { title: 'an empty form', body: '', headers: form, status: [400] },
    { title: 'broken percent encoding', body: 'client_id=%zz&token=%', headers: form, status: [400, 401] },
    {
      title: 'bytes that are no text',
      body: Buffer.from([0xff, 0xfe, 0x00, 0x3d, 0x80]),
      headers: form,
      status: [400],
    },
    {
      title: 'a form of __proto__ and constructor',
      body: '__proto__=a&constructor=b&__proto__[client_id]=c&hasOwnProperty=d',
      headers: form,
      status: [400],
    },
    {
      title: '__proto__ as the client',
      body: named('__proto__'),
      headers: form,
      status: [401],
      error: 'invalid_client',
    },
    {
      title: 'constructor as the client',
      body: named('constructor'),
      headers: form,
      status: [401],
      error: 'invalid_client',
    },
    { title: 'a client with a NUL', body: named('%00'), headers: form, status: [400, 401] },
    { title: 'a lone surrogate as the client', body: named('%ED%A0%80'), headers: form, status: [400, 401] },
  ];

  describe.each(['/token', '/revoke', '/introspect'])('%s', (path) => {
    it.each(requests)(
      'G12, MCP 40, X1, X4: $title is refused in JSON that no cache keeps',
      async ({ body, headers, status, error }) => {
        for (const accept of ['*/*', 'text/html', 'application/json']) {
          const response = await fetch(`${server.issuer}${path}`, {
            method: 'POST',
            ...(body === undefined ? {} : { body }),
            headers: { ...headers, accept },
          });
          const text = await response.text();
          expect(status, text).toContain(response.status);
          expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
          expect(response.headers.get('cache-control')).toContain('no-store');
          expect(JSON.parse(text).error).toMatch(error ?? /^[a-z_]+$/);
          expect((await recordsOf(server, response)).length).toBeLessThanOrEqual(1);
        }
      },
    );

    it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD'])('MCP 40: %s is no way to ask', async (method) => {
      const response = await fetch(`${server.issuer}${path}?grant_type=refresh_token&token=x&client_id=x`, {
        method,
        headers: { accept: 'text/html' },
      });
      expect(response.status).toBe(405);
      expect(response.headers.get('cache-control')).toContain('no-store');
      const text = await response.text();
      if (method !== 'HEAD') expect(JSON.parse(text)).toHaveProperty('error');
    });
  });

  it('MCP 40: each parameter twice is invalid_request, one good and one evil, and spends nothing', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const params = {
      grant_type: 'authorization_code',
      client_id: ada.clientId,
      code: good.code,
      code_verifier: good.verifier,
      redirect_uri: 'http://127.0.0.1:53111/callback',
      resource: FILES,
    };
    for (const [name, value] of Object.entries(params)) {
      for (const twice of [
        [value, 'evil'],
        ['evil', value],
        // The same resource again counts once (RFC 8707 §2).
        ...(name === 'resource' ? [] : [[value, value]]),
      ]) {
        const body = new URLSearchParams(params);
        body.delete(name);
        for (const one of twice) body.append(name, one);
        const response = await fetch(`${server.issuer}/token`, { method: 'POST', body });
        expect(response.status, name).toBe(400);
        const error = name === 'resource' ? 'invalid_target' : 'invalid_request';
        expect(await response.json(), name).toMatchObject({ error });
        expect(await recordsOf(server, response)).toHaveLength(1);
      }
    }
    expect((await redeem(server, ada.clientId, good)).status).toBe(200);
  });

  it('MCP 40: a parameter twice is invalid_request at the other endpoints too', async () => {
    const { accessToken } = await freshTokens(server, ada);
    for (const path of ['/introspect', '/revoke']) {
      for (const name of ['token', 'token_type_hint', 'client_id']) {
        const body = new URLSearchParams({ token: accessToken, client_id: ada.clientId });
        body.append(name, accessToken);
        body.append(name, accessToken);
        const response = await fetch(`${server.issuer}${path}`, { method: 'POST', body });
        expect(response.status, `${path} ${name}`).toBe(400);
        expect(await response.json()).toMatchObject({ error: 'invalid_request' });
        expect(response.headers.get('cache-control')).toContain('no-store');
        expect(await recordsOf(server, response)).toHaveLength(1);
      }
    }
    expect(await verifierOf(FILES).verify(accessToken)).toBeDefined();
  });

  it('J9: a grant type that we do not serve is unsupported_grant_type', async () => {
    const types = ['password', 'client_credentials', 'implicit', '__proto__', 'constructor', 'toString', ' '];
    for (const grant_type of [...types, 'urn:ietf:params:oauth:grant-type:token-exchange']) {
      const response = await post(server, '/token', { grant_type, client_id: ada.clientId });
      expect(response, grant_type).toMatchObject({ status: 400, body: { error: 'unsupported_grant_type' } });
      expect(await recordsOf(server, response)).toHaveLength(1);
    }
    const missing = await post(server, '/token', { client_id: ada.clientId });
    expect(missing).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('parameters in the query count for nothing', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    const query = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: ada.clientId,
      refresh_token: refreshToken,
    });
    const response = await fetch(`${server.issuer}/token?${query}`, { method: 'POST' });
    expect(response.status).toBe(400);
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
  });
});
