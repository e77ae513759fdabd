import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { addKeyClient, assertionOf } from '../../support/assertion.ts';
import { basic, obtainCode, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  endOf,
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

const invalidClient = { status: 401, body: { error: 'invalid_client' } };
const nothing = { grant_type: 'refresh_token', refresh_token: 'unknown' };
/** What a client that was let in is told about a refresh token that nobody issued. */
const letIn = { status: 400, body: { error: 'invalid_grant' } };

async function expectRefused(
  response: TokenResponse,
  client: string | undefined,
  reason?: string,
): Promise<void> {
  expect(response).toMatchObject(invalidClient);
  expect(response.headers.get('cache-control')).toContain('no-store');
  const records = await recordsOf(server, response);
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ event: 'client.authentication_failed', outcome: 'refused' });
  if (client !== undefined) expect(records[0]?.client).toBe(client);
  if (reason !== undefined) expect(records[0]?.reason).toBe(reason);
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
      await expectRefused(byHeader, clientId, 'wrong_secret');
      expect(byHeader.headers.get('www-authenticate')).toMatch(/^Basic realm="http/);
      const byBody = await post(server, '/token', { ...nothing, client_id: clientId, client_secret: secret });
      await expectRefused(byBody, clientId, 'wrong_secret');
      expect(byBody.headers.get('www-authenticate')).toBeNull();
    }
    expect(await post(server, '/token', nothing, basic(clientId, clientSecret))).toMatchObject(letIn);
  });

  it('E4, J3: without its secret, or by a method that is not its own, is 401', async () => {
    const { clientId } = await addTestClient(server, { authMethod: 'client_secret_post' });
    await expectRefused(
      await post(server, '/token', { ...nothing, client_id: clientId }),
      clientId,
      'method',
    );
    const { key } = await addKeyClient(server);
    const assertion = await assertionOf(server, { clientId, key });
    await expectRefused(await post(server, '/token', { ...nothing, ...assertion }), clientId, 'method');
  });

  it('J2: two methods at once are invalid_request', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const keyed = await addKeyClient(server);
    const inHeader = basic(clientId, clientSecret);
    const inBody = { client_id: clientId, client_secret: clientSecret };
    const assertion = await assertionOf(server, keyed);
    for (const [what, params, headers] of [
      ['header and body', inBody, inHeader],
      ['header and assertion', assertion, inHeader],
      ['body and assertion', { ...assertion, client_secret: clientSecret }, {}],
      ['all three', { ...assertion, ...inBody }, inHeader],
      ['the client_id of another in the body', { client_id: ada.clientId }, inHeader],
    ] as const) {
      for (const path of ['/token', '/introspect', '/revoke']) {
        const both = await post(server, path, { ...nothing, token: 'x', ...params }, headers);
        expect(both, what).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        expect(await recordsOf(server, both), what).toMatchObject([{ reason: 'two_methods' }]);
      }
    }
    // What was refused for that has spent nothing.
    expect(await post(server, '/token', { ...nothing, ...assertion })).toMatchObject(letIn);
  });

  it('J10: a header that is no credential is 401 and challenged, at every endpoint, and no fault of ours', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const encode = (text: string | Buffer) => Buffer.from(text).toString('base64');
    const malformed = [
      'Basic',
      'Basic !',
      `Basic ${encode(':')}`,
      `Basic ${encode(`${clientId}:`)}`,
      `Basic ${encode(`:${clientSecret}`)}`,
      `Basic ${encode(`${clientId}%zz:${clientSecret}`)}`,
      `Basic ${encode(`${clientId}:${clientSecret}%`)}`,
      `Basic ${encode(Buffer.from([0xff, 0x3a, 0xff]))}`,
      `Basic ${encode(`${clientId}:${clientSecret}`)} x`,
      `Basic, Basic ${encode(`${clientId}:${clientSecret}`)}`,
    ];
    for (const path of ['/token', '/introspect', '/revoke']) {
      for (const authorization of malformed) {
        const response = await post(server, path, { ...nothing, token: 'x' }, { authorization });
        await expectRefused(response, undefined, 'authorization_header');
        expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm="http.*invalid_client/);
      }
    }
    const colon = await post(server, '/token', nothing, basic(`${clientId}:x`, clientSecret));
    await expectRefused(colon, clientId, 'wrong_secret');
    const encoded = `Basic ${encode(`${encodeURIComponent(clientId).replaceAll('_', '%5F')}:${clientSecret}`)}`;
    expect(await post(server, '/token', nothing, { authorization: encoded })).toMatchObject(letIn);
  });
});

describe('an Authorization header of another scheme', () => {
  it('REP-F6: a public client refreshes when it sends the access token of its MCP server along', async () => {
    let { accessToken, refreshToken } = await freshTokens(server, ada);
    for (const authorization of [`Bearer ${accessToken}`, 'Bearer stale', 'DPoP x', '']) {
      const params = {
        grant_type: 'refresh_token',
        client_id: ada.clientId,
        refresh_token: refreshToken,
      };
      const refreshed = await post(server, '/token', params, { authorization });
      ({ accessToken, refreshToken } = tokensOf(refreshed));
    }
  });

  it('REP-F6: does not authenticate a client with a secret, and does not stand in the way of its secret', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, { authMethod: 'client_secret_post' });
    const headers = { authorization: `Bearer ${clientSecret}` };
    const without = await post(server, '/token', { ...nothing, client_id: clientId }, headers);
    await expectRefused(without, clientId, 'method');
    const inBody = { ...nothing, client_id: clientId, client_secret: clientSecret };
    expect(await post(server, '/token', inBody, headers)).toMatchObject(letIn);
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

describe('what is announced', () => {
  it('MCP 10: is what works: each method and each algorithm, at each endpoint, and no other', async () => {
    const metadata = (await (
      await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)
    ).json()) as Record<string, readonly string[]>;
    const methods = metadata['token_endpoint_auth_methods_supported'] ?? [];
    const algorithms = metadata['token_endpoint_auth_signing_alg_values_supported'] ?? [];
    expect(methods).toEqual(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']);
    expect(algorithms).toEqual(['RS256', 'PS256', 'ES256', 'EdDSA']);
    for (const endpoint of ['revocation', 'introspection']) {
      expect(metadata[`${endpoint}_endpoint_auth_methods_supported`]).toEqual(methods);
      expect(metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`]).toEqual(algorithms);
    }

    const proofs = await Promise.all(
      methods.flatMap((method) => (method === 'private_key_jwt' ? algorithms : [method])).map(proofOf),
    );
    const publicClient = proofs[methods.indexOf('none')]?.clientId;
    for (const { clientId, prove } of proofs) {
      const { code, verifier } = await obtainCode(server, ada.agent, clientId);
      const send = async (path: string, params: Readonly<Record<string, string>>) => {
        const { headers = {}, ...proof } = await prove();
        return post(server, path, { ...params, ...(proof.params ?? {}) }, headers);
      };
      const grant = { grant_type: 'authorization_code', code, code_verifier: verifier };
      const { accessToken, refreshToken } = tokensOf(await send('/token', grant));
      const introspected = await send('/introspect', { token: accessToken });
      // A public client proves nothing, and learns nothing.
      const proven = clientId !== publicClient;
      expect(introspected.body).toMatchObject(
        proven ? { active: true, client_id: clientId } : { active: false },
      );
      const next = await send('/token', { grant_type: 'refresh_token', refresh_token: refreshToken });
      expect(next.status).toBe(200);
      expect((await send('/revoke', { token: tokensOf(next).refreshToken })).status).toBe(200);
      expect((await send('/introspect', { token: accessToken })).body).toEqual({ active: false });
    }
  });
});

type Params = Readonly<Record<string, string>>;

/** A client of its own, and how it proves itself each time; an algorithm stands for an assertion signed with it. */
async function proofOf(way: string): Promise<{
  readonly clientId: string;
  readonly prove: () => Promise<{ readonly params?: Params; readonly headers?: Params }>;
}> {
  if (way === 'none') {
    const { clientId } = await addTestClient(server);
    return { clientId, prove: async () => ({ params: { client_id: clientId } }) };
  }
  if (way === 'client_secret_basic' || way === 'client_secret_post') {
    const { clientId, clientSecret = '' } = await addTestClient(server, { authMethod: way });
    return {
      clientId,
      prove: async () =>
        way === 'client_secret_basic'
          ? { headers: basic(clientId, clientSecret) }
          : { params: { client_id: clientId, client_secret: clientSecret } },
    };
  }
  const client = await addKeyClient(server, way);
  return { clientId: client.clientId, prove: async () => ({ params: await assertionOf(server, client) }) };
}
