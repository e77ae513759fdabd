import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { TokenResponse } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

let server: TestServer;
let ada: Connected;
/** A session of its own, beside the pool. */
let beside: pg.Client;

beforeAll(async () => {
  server = await startTestServer({ DATABASE_POOL_SIZE: '2' });
  ada = await connected(server);
  beside = new pg.Client({ connectionString: server.databaseUrl });
  await beside.connect();
});
afterAll(async () => {
  await beside.end();
  await server.stop();
});

const ready = async () => (await fetch(`${server.internal}/readyz`)).status;
const alive = async () => (await fetch(`${server.issuer}/healthz`)).status;

function expectUnavailable({ status, headers, body }: TokenResponse): void {
  expect({ status, body }).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
}

it('Y7: while every connection waits, each request is 503 before the cause has ended; the process is alive and not ready', async () => {
  const families = await Promise.all(Array.from({ length: 40 }, () => freshTokens(server, ada)));
  await beside.query('BEGIN');
  await beside.query('LOCK TABLE grants IN ACCESS EXCLUSIVE MODE');
  try {
    const refreshes = families.map(({ refreshToken }) => refresh(server, ada.clientId, refreshToken));
    expect(await alive()).toBe(200);
    expect(await ready()).toBe(503);
    // The lock is held until the last of them has its answer.
    for (const response of await Promise.all(refreshes)) expectUnavailable(response);
  } finally {
    await beside.query('ROLLBACK');
  }
  await expect.poll(ready, { timeout: 10_000 }).toBe(200);
  for (const { refreshToken } of families) {
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
  }
}, 60_000);

it('Y7: with a store that takes two seconds for a write, some are served and the others told to come back', async () => {
  const families = await Promise.all(Array.from({ length: 12 }, () => freshTokens(server, ada)));
  await beside.query(`
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION dawdle()`);
  let answers: readonly TokenResponse[];
  try {
    answers = await Promise.all(
      families.map(({ refreshToken }) => refresh(server, ada.clientId, refreshToken)),
    );
  } finally {
    await beside.query('DROP TRIGGER dawdle ON refresh_tokens; DROP FUNCTION dawdle');
  }
  const [served, refused] = [200, 503].map((wanted) => answers.filter(({ status }) => status === wanted));
  expect((served?.length ?? 0) + (refused?.length ?? 0)).toBe(families.length);
  expect(refused?.length).toBeGreaterThan(0);
  for (const response of refused ?? []) expectUnavailable(response);
  // Whoever was refused comes back, and goes on: with its token, or with the successor that was on its way.
  for (const [n, { grantId, refreshToken }] of families.entries()) {
    const answer = answers[n];
    const latest = answer?.status === 200 ? tokensOf(answer).refreshToken : refreshToken;
    expect((await refresh(server, ada.clientId, latest)).status).toBe(200);
    expect(await endOf(server, grantId)).toBeUndefined();
  }
}, 60_000);
