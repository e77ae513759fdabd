import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';

import { obtainCode, pkce, post } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  freshTokens,
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
  });
  ada = await connected(server);
});

afterAll(() => server.stop());
afterEach(() => {
  vi.useRealTimers();
});

it('D8: refused requests are counted per network, and beyond the limit nobody there is heard until the window ends', async () => {
  let tokens = await freshTokens(server, ada);
  // As many good ones as one likes: they do not count.
  for (let n = 0; n < LIMIT + 5; n += 1) {
    tokens = tokensOf(await refresh(server, ada.clientId, tokens.refreshToken));
  }
  const good = await obtainCode(server, ada.agent, ada.clientId);

  const guesses = [
    () => redeem(server, ada.clientId, { code: pkce().verifier, verifier: pkce().verifier }),
    () => refresh(server, ada.clientId, pkce().verifier),
    () => post(server, '/introspect', { token: 'x', client_id: `cli_${pkce().verifier}` }),
    () => post(server, '/revoke', { token: 'x', client_id: ada.clientId, client_secret: pkce().verifier }),
  ];
  for (let n = 0; n <= LIMIT; n += 1) {
    const guess = await guesses[n % guesses.length]?.();
    expect([400, 401]).toContain(guess?.status);
  }

  for (const attempt of [
    ...guesses,
    () => redeem(server, ada.clientId, good),
    () => refresh(server, ada.clientId, tokens.refreshToken),
  ]) {
    const response = await attempt();
    expect(response).toMatchObject({ status: 429, body: { error: 'slow_down' } });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'request.throttled', outcome: 'refused', network: '127.0.0.1' }),
    ]);
  }
  // What is for people goes on.
  expect((await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).status).toBe(200);

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  expect((await refresh(server, ada.clientId, tokens.refreshToken)).status).toBe(200);
  expect((await redeem(server, ada.clientId, good)).status).toBe(200);
});
