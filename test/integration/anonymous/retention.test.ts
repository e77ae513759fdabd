import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EXPIRE_AUDIT, expireAudit } from '../../../src/domain/audit/index.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const YEAR_SECONDS = 31_536_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  // 2,500 records older than a year, and 20,000 younger ones.
  await server.database.pool.query(`
    INSERT INTO audit_records (id, time, event, outcome, agent_chain, scopes, request_id)
    SELECT 'aud_old' || n, now() - interval '366 days', 'signin.rejected', 'refused', '{}'::text[], '{}'::text[], 'req_old'
    FROM generate_series(1, 2500) n
    UNION ALL
    SELECT 'aud_young' || n, now() - interval '364 days', 'signin.rejected', 'refused', '{}'::text[], '{}'::text[], 'req_young'
    FROM generate_series(1, 20000) n`);
  await server.database.pool.query('ANALYZE audit_records');
});
afterAll(() => server.stop());

const count = async (requestId: string) => {
  const { rows } = await server.database.pool.query(
    'SELECT count(*)::int AS count FROM audit_records WHERE request_id = $1',
    [requestId],
  );
  return rows[0].count as number;
};

describe('GATEHOUSE_AUDIT_RETENTION', () => {
  it('SEC-M3: expireAudit finds the oldest records by the index on time', async () => {
    const { rows } = await server.database.pool.query(
      `EXPLAIN (FORMAT JSON) ${EXPIRE_AUDIT.replace('$1', String(YEAR_SECONDS))}`,
    );
    const plan = JSON.stringify(rows[0]);
    expect(plan).toContain('audit_records_time_idx');
    expect(plan).not.toContain('Seq Scan');
  });

  it('SEC-M3: expireAudit keeps every record when the retention is 0', async () => {
    expect(await expireAudit(server.database.pool, 0)).toBe(0);
    expect(await count('req_old')).toBe(2_500);
  });

  it('SEC-M3: expireAudit deletes the records that are older than the retention, and no other', async () => {
    expect(await expireAudit(server.database.pool, YEAR_SECONDS)).toBe(2_500);
    expect(await count('req_old')).toBe(0);
    expect(await count('req_young')).toBe(20_000);
  });
});
