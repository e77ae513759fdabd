import { afterAll, beforeAll, expect, it } from 'vitest';

import { listAudit } from '../../src/domain/audit/index.ts';
import { sweepGrants } from '../../src/domain/grants/index.ts';
import { startHousekeeping } from '../../src/housekeeping.ts';
import { createLogger } from '../../src/platform/observability/index.ts';
import { createAgent } from '../support/agent.ts';
import { changeSigningKeys } from '../support/data-keys.ts';
import { addPerson, connect, obtainCode, post, signedIn } from '../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const count = async (table: string) =>
  Number((await server.database.pool.query(`SELECT count(*) FROM ${table}`)).rows[0].count);

it('housekeeping removes promises and state that nobody can use, and leaves living connections alone', async () => {
  const person = await addPerson(server);
  const agent = createAgent();
  await signedIn(server, agent, person);
  const { clientId } = await addTestClient(server);
  const alive = await connect(server, agent, clientId);
  await obtainCode(server, agent, clientId);
  expect(await count('grants')).toBe(2);

  await server.database.pool.query(`UPDATE authorization_codes SET expires_at = now() - interval '2 days'`);
  await server.database.pool.query(`UPDATE interactions SET expires_at = now() - interval '1 second'`);
  await sweepGrants(server.database.pool);

  expect(await count('grants')).toBe(1);
  expect(await count('authorization_codes')).toBe(0);
  expect(await count('interactions')).toBe(0);
  const refreshed = await post(server, '/token', {
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: alive.refresh_token ?? '',
  });
  expect(refreshed.status).toBe(200);
});

it('housekeeping in several processes replaces a signing key at its age, once', async () => {
  const { database, installation } = server;
  const states = async () => (await installation.keys.list()).map(({ state }) => state);
  const start = () =>
    startHousekeeping({
      database,
      installation,
      clientLifetimes: { unused: 3600, idle: 3600 },
      log: createLogger({ level: 'silent' }),
      interval: 20,
    });
  await changeSigningKeys(
    database.pool,
    installation.sealer,
    `UPDATE signing_keys SET promoted_at = now() - interval '89 days'`,
  );
  const stops = Array.from({ length: 3 }, start);
  try {
    await installation.keys.maintain();
    expect(await states()).toEqual(['current']);
    await changeSigningKeys(
      database.pool,
      installation.sealer,
      `UPDATE signing_keys SET promoted_at = now() - interval '90 days'`,
    );
    await expect.poll(states).toEqual(['next', 'current']);
    await changeSigningKeys(
      database.pool,
      installation.sealer,
      `UPDATE signing_keys SET promote_at = now() WHERE state = 'next'`,
    );
    await expect.poll(() => listAudit(database.prisma, { event: 'key.rotated' })).toHaveLength(1);
    expect(await states()).toEqual(['current', 'retired']);
  } finally {
    for (const stop of stops) await stop();
  }
});
