import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { obtainCode, pkce, post } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  introspect,
  recordsOf,
  redeem,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

const LIMIT = 20;

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer({
    GATEHOUSE_THROTTLE: 'on',
    GATEHOUSE_THROTTLE_TOKEN_NETWORK: String(LIMIT),
    GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1/32',
  });
  ada = await connected(server);
});

afterAll(() => server.stop());

const from = (network: string) => ({ 'x-forwarded-for': network });

/** Everything that can be guessed at, guessed at wrong. */
const guesses: readonly ((network: string) => ReturnType<typeof post>)[] = [
  (network) =>
    post(
      server,
      '/token',
      {
        grant_type: 'authorization_code',
        client_id: ada.clientId,
        code: pkce().verifier,
        code_verifier: pkce().verifier,
      },
      from(network),
    ),
  (network) =>
    post(
      server,
      '/token',
      { grant_type: 'refresh_token', client_id: ada.clientId, refresh_token: pkce().verifier },
      from(network),
    ),
  (network) =>
    post(server, '/introspect', { token: 'x', client_id: `cli_${pkce().verifier}` }, from(network)),
  (network) =>
    post(
      server,
      '/revoke',
      { token: 'x', client_id: ada.clientId, client_secret: pkce().verifier },
      from(network),
    ),
];

/** Guesses until the network is told to wait. */
async function exhaust(network: string): Promise<void> {
  for (let n = 0; n < LIMIT; n += 1) {
    expect([400, 401]).toContain((await guesses[n % guesses.length]?.(network))?.status);
  }
}

describe('guessing', () => {
  it('D8: is limited per network, with one audit record for a network and minute', async () => {
    await exhaust('198.51.100.1');
    for (const [index, guess] of guesses.entries()) {
      const response = await guess('198.51.100.1');
      expect(response).toMatchObject({ status: 429, body: { error: 'slow_down' } });
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      expect(response.headers.get('cache-control')).toContain('no-store');
      expect(response.headers.get('www-authenticate')).toBeNull();
      const first = { event: 'request.throttled', outcome: 'refused', network: '198.51.100.1' };
      expect(await recordsOf(server, response)).toEqual(index === 0 ? [expect.objectContaining(first)] : []);
    }
    expect((await guesses[0]?.('198.51.100.2'))?.status).toBe(400);
  });

  it('D8: keeps nobody behind the same address from what is theirs', async () => {
    const office = '203.0.113.1';
    const { refreshToken } = await freshTokens(server, ada);
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const confidential = await addTestClient(server, { authMethod: 'client_secret_basic' });
    await exhaust(office);
    expect((await guesses[0]?.(office))?.status).toBe(429);

    const target = {
      post: (path: string, params: Record<string, string>, headers: Record<string, string> = {}) =>
        post(server, path, params, { ...headers, ...from(office) }),
    };
    let tokens = tokensOf(await refresh(target, ada.clientId, refreshToken));
    // As often as one likes: what is right does not count.
    for (let n = 0; n < LIMIT + 5; n += 1) {
      tokens = tokensOf(await refresh(target, ada.clientId, tokens.refreshToken));
    }
    expect((await redeem(target, ada.clientId, good)).status).toBe(200);
    expect(await introspect(server, tokens.accessToken, target)).toMatchObject({ active: true });
    const authenticated = await target.post('/introspect', {
      token: 'x',
      client_id: confidential.clientId,
      client_secret: confidential.clientSecret ?? '',
    });
    expect(authenticated).toMatchObject({ body: { active: false } });
    expect(
      (await target.post('/revoke', { token: tokens.refreshToken, client_id: ada.clientId })).status,
    ).toBe(200);
  });

  it('D8: hides nothing that is known: a token that is used twice ends its grant, a code that is refused is spent', async () => {
    const network = '198.51.100.3';
    const target = {
      post: (path: string, params: Record<string, string>) => post(server, path, params, from(network)),
    };
    const tokens = await freshTokens(server, ada);
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const next = tokensOf(await refresh(server, ada.clientId, tokens.refreshToken));
    await refresh(server, ada.clientId, next.refreshToken);
    await server.database.pool.query(
      "UPDATE refresh_tokens SET used_at = used_at - interval '91 seconds' WHERE grant_id = $1",
      [tokens.grantId],
    );
    await exhaust(network);

    const reused = await refresh(target, ada.clientId, tokens.refreshToken);
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await endOf(server, tokens.grantId)).toBe('refresh_reused');
    const wrong = await redeem(target, ada.clientId, { ...good, verifier: 'x'.repeat(43) });
    expect(wrong).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await redeem(server, ada.clientId, good)).status).toBe(400);
  });

  it('D8: would have to find one of 2^256', async () => {
    const { clientSecret = '' } = await addTestClient(server, { authMethod: 'client_secret_basic' });
    const { code } = await obtainCode(server, ada.agent, ada.clientId);
    const { refreshToken } = await freshTokens(server, ada);
    const successor = tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken;

    const secrets = [clientSecret, code, refreshToken, successor];
    for (const secret of secrets) expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  });
});
