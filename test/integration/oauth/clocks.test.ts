import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { authorizeUrl, claimsOf, obtainCode, pkce, post } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  freshTokens,
  introspect,
  redeem,
  refresh,
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
});

/** From now on the clock of this node is wrong by so many seconds; the store's is right. */
function skewBy(seconds: number): void {
  vi.useRealTimers();
  if (seconds !== 0) vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
}

const HOUR = 3600;
const isActive = async (token: string) => (await introspect(server, token, server))['active'];
/** What a moment of the future would find, without waiting for it. */
const age = (table: string, column: string, seconds: number) =>
  server.database.pool.query(`UPDATE ${table} SET ${column} = ${column} - make_interval(secs => $1)`, [
    seconds,
  ]);

describe.each([
  ['half a minute ahead', 30],
  ['half a minute behind', -30],
  ['an hour ahead', HOUR],
  ['an hour behind', -HOUR],
])('a node whose clock is %s', (_what, skew) => {
  it('Y4: serves like any other: who is signed in stays so, and codes and tokens are as good as they are', async () => {
    const before = await freshTokens(server, ada);
    const code = await obtainCode(server, ada.agent, ada.clientId);
    skewBy(skew);

    expect((await ada.agent.get(`${server.issuer}/account`)).url).toBe(`${server.issuer}/account`);
    expect((await redeem(server, ada.clientId, code)).status).toBe(200);
    expect((await refresh(server, ada.clientId, before.refreshToken)).status).toBe(200);
    expect(await isActive(before.accessToken)).toBe(true);
    const { accessToken } = await freshTokens(server, ada);
    const { iat, exp } = claimsOf(accessToken);
    skewBy(0);
    expect(Math.abs(Number(iat) - Date.now() / 1000)).toBeLessThan(60);
    expect(Number(exp) - Number(iat)).toBe(600);
    expect(await isActive(accessToken)).toBe(true);
  });

  it('Y4: ends an access token that is told to end, and knows none for longer than it lives', async () => {
    const { accessToken } = await freshTokens(server, ada);
    skewBy(skew);
    expect((await post(server, '/revoke', { token: accessToken, client_id: ada.clientId })).status).toBe(200);
    expect(await isActive(accessToken)).toBe(false);
    skewBy(0);
    expect(await isActive(accessToken)).toBe(false);

    const living = claimsOf((await freshTokens(server, ada)).accessToken);
    const expired = { ...living, exp: Math.floor(Date.now() / 1000) - 1 };
    const token = await server.installation.keys.sign(expired, { typ: 'at+jwt' });
    for (const seconds of [0, skew]) {
      skewBy(seconds);
      expect(await isActive(token)).toBe(false);
    }
  });

  it('Y4: takes no code and no refresh token that has expired', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    const code = await obtainCode(server, ada.agent, ada.clientId);
    await age('authorization_codes', 'expires_at', 61);
    await age('refresh_tokens', 'expires_at', 1_209_601);
    skewBy(skew);
    for (const response of [
      await redeem(server, ada.clientId, code),
      await refresh(server, ada.clientId, refreshToken),
    ]) {
      expect(response).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    }
  });

  it('Y4: asks for a new sign-in when one is too old, and not before', async () => {
    skewBy(skew);
    const ask = async () => {
      const params = { client_id: ada.clientId, code_challenge: pkce().challenge, max_age: '600' };
      return (await ada.agent.get(authorizeUrl(server, params))).form?.step;
    };
    expect(await ask()).toBe('consent');
    await age('sessions', 'auth_time', 601);
    try {
      expect(await ask()).toBe('identify');
    } finally {
      await age('sessions', 'auth_time', -601);
    }
  });
});
