import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { sweepGrants } from '../../../src/domain/grants/index.ts';
import { hashSecret } from '../../../src/kernel/ids.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { auditValues, pagesOf } from '../../support/statements.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  refresh,
  type Tokens,
  tokensOf,
} from '../../support/token-requests.ts';

const GENERATIONS = 10_000;

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  // One connection, which therefore knows every prepared statement.
  server = await startTestServer({ DATABASE_POOL_SIZE: '1' });
  ada = await connected(server);
});
afterAll(() => server.stop());

/** A family that was rotated ten thousand times, with its first token and its leaf. */
async function longFamily(): Promise<{ readonly first: Tokens; readonly leaf: string }> {
  const first = await freshTokens(server, ada);
  const { refreshToken: leaf } = tokensOf(await refresh(server, ada.clientId, first.refreshToken));
  const { pool } = server.database;
  await pool.query('UPDATE refresh_tokens SET generation = $2 WHERE grant_id = $1 AND used_at IS NULL', [
    first.grantId,
    GENERATIONS,
  ]);
  // One every two minutes, each for the fourteen days that it may wait: the older half has expired.
  await pool.query(
    `INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, issued_at, used_at, expires_at)
     SELECT sha256(($1 || n)::bytea), $1, $2, n, 1, issued, issued + interval '2 minutes', issued + interval '14 days'
     FROM generate_series(1, $3::int - 1) n, LATERAL (SELECT now() - ($3::int - n) * interval '4 minutes' AS issued) t`,
    [first.grantId, ada.clientId, GENERATIONS],
  );
  await pool.query('ANALYZE refresh_tokens');
  return { first, leaf };
}

/** What a refresh costs the store: its look, and its one act. */
async function costOf({ grantId }: Pick<Tokens, 'grantId'>, token: string): Promise<readonly number[]> {
  const hash = `\\x${hashSecret(token).toString('hex')}`;
  const successor = `\\x${randomBytes(32).toString('hex')}`;
  const audit = auditValues('refresh.rotated');
  const { pool } = server.database;
  return [
    await pagesOf(pool, 'present-refresh-token', [ada.clientId, hash]),
    await pagesOf(pool, 'rotate-refresh-token', [
      hash,
      grantId,
      successor,
      60,
      1,
      '127.0.0.1',
      '{files:read}',
      ...audit,
    ]),
  ];
}

describe('E12: a family that was rotated ten thousand times', () => {
  it('E12: costs a refresh no more than one that was just begun', async () => {
    const short = await freshTokens(server, ada);
    const long = await longFamily();
    const [lookShort = 0, actShort = 0] = await costOf(short, short.refreshToken);
    const [lookLong = 0, actLong = 0] = await costOf(long.first, long.leaf);
    // An index that is a level deeper, here and there.
    expect(lookLong).toBeLessThanOrEqual(lookShort + 4);
    expect(actLong).toBeLessThanOrEqual(actShort + 8);
    expect((await refresh(server, ada.clientId, long.leaf)).status).toBe(200);
  });

  it('E12: keeps what may still be presented, and nothing that has long expired', async () => {
    const { first, leaf } = await longFamily();
    const { pool } = server.database;
    const count = async (condition = 'true') =>
      (
        await pool.query(
          `SELECT count(*)::int AS n FROM refresh_tokens WHERE grant_id = $1 AND ${condition}`,
          [first.grantId],
        )
      ).rows[0].n as number;
    expect(await count()).toBe(GENERATIONS + 1);
    const useful = await count("expires_at > now() - interval '1 day'");
    expect(useful).toBeGreaterThan(5_000);
    expect(useful).toBeLessThan(6_000);

    await sweepGrants(pool);
    expect(await count()).toBe(useful);
    expect((await refresh(server, ada.clientId, leaf)).status).toBe(200);
  });

  it('REP-F3, E12: refuses a repetition that would cost more than a thousand derivations, and is not ended by it', async () => {
    const { first, leaf } = await longFamily();
    const refused = await refresh(server, ada.clientId, first.refreshToken);
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await endOf(server, first.grantId)).toBeUndefined();
    expect((await refresh(server, ada.clientId, leaf)).status).toBe(200);
  });

  it('E12: notices the reuse of its very first token, as long as that has not expired', async () => {
    const { first, leaf } = await longFamily();
    await server.database.pool.query(
      "UPDATE refresh_tokens SET used_at = used_at - interval '91 seconds' WHERE grant_id = $1 AND generation = 0",
      [first.grantId],
    );
    await sweepGrants(server.database.pool);
    const reused = await refresh(server, ada.clientId, first.refreshToken);
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await endOf(server, first.grantId)).toBe('refresh_reused');
    expect((await refresh(server, ada.clientId, leaf)).status).toBe(400);
  });
});

/** `npm run test:long` does it for real. */
it.runIf(process.env['GATEHOUSE_TEST_LONG'] !== undefined)(
  'E12: ten thousand rotations, one after the other, take as long in the end as in the beginning',
  async () => {
    let { refreshToken } = await freshTokens(server, ada);
    const durations: number[] = [];
    for (let n = 0; n < GENERATIONS; n += 1) {
      const began = performance.now();
      ({ refreshToken } = tokensOf(await refresh(server, ada.clientId, refreshToken)));
      durations.push(performance.now() - began);
    }
    const p99 = (part: readonly number[]) =>
      part.toSorted((a, b) => a - b)[Math.floor(part.length * 0.99)] ?? 0;
    const [early, late] = [p99(durations.slice(500, 1_500)), p99(durations.slice(-1_000))];
    console.log(
      `p99 of a rotation: ${early.toFixed(1)} ms in the beginning, ${late.toFixed(1)} ms after ${GENERATIONS}`,
    );
    expect(late).toBeLessThan(early * 5);
  },
  600_000,
);
