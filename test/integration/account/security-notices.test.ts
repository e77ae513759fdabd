import { afterAll, beforeAll, expect, it } from 'vitest';

import { startTestServer, type TestServer } from '../../support/server.ts';
import { connected, endOf, freshTokens, refresh, tokensOf } from '../../support/token-requests.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('SEC-L17: the account page says that a connection was ended because its refresh token was reused', async () => {
  const ada = await connected(server);
  const page = async () => (await ada.agent.get(`${server.issuer}/account`)).html;
  const { refreshToken, grantId } = await freshTokens(server, ada);
  tokensOf(await refresh(server, ada.clientId, refreshToken));
  expect(await page()).not.toContain('was used twice');

  await server.database.pool.query(
    "UPDATE refresh_tokens SET used_at = used_at - interval '91 seconds' WHERE grant_id = $1",
    [grantId],
  );
  expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(400);
  expect(await endOf(server, grantId)).toBe('refresh_reused');
  expect(await page()).toMatch(/connection of <bdi>Test Client<\/bdi> to <bdi>Team Files<\/bdi> was ended/);

  // Not to other users, and not for ever.
  const eve = await connected(server);
  expect((await eve.agent.get(`${server.issuer}/account`)).html).not.toContain('was used twice');
  await server.database.pool.query(
    "UPDATE grants SET revoked_at = revoked_at - interval '31 days' WHERE id = $1",
    [grantId],
  );
  expect(await page()).not.toContain('was used twice');
});

it('SEC-H1: the account page marks a connection whose refresh tokens are used from two networks', async () => {
  const ada = await connected(server);
  const page = async () => (await ada.agent.get(`${server.issuer}/account`)).html;
  const { grantId } = await freshTokens(server, ada);
  expect(await page()).not.toContain('Used from two networks');
  await server.database.pool.query('UPDATE grants SET replay_suspected_at = now() WHERE id = $1', [grantId]);
  expect(await page()).toContain('Used from two networks');
});
