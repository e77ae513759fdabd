import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import type { Database } from '../../platform/database/index.ts';

import { observeAudit } from './observe.ts';
import { auditedStatement, auditInsert, recordAudit, wasCommitted } from './store.ts';

const cause = byHousekeeping('test');
const REFUSED = { event: 'token.rejected', outcome: 'refused', reason: 'unknown_code' } as const;
const ISSUED = { event: 'token.issued', outcome: 'success' } as const;

/** Records only where the flag is set: the shape of every statement of the token path. */
const statement = (happens: boolean) =>
  auditedStatement(
    {
      name: 'observed',
      text: `WITH done AS (SELECT 1 AS one WHERE $1::bool), audited AS (${auditInsert(2, 'FROM done')})
             SELECT one FROM done`,
      values: [happens],
    },
    REFUSED,
    cause,
  );

describe('observeAudit', () => {
  let store: TestDatabase;
  let observed: Database;
  let told: string[] = [];
  beforeAll(async () => {
    store = await createTestDatabase();
    observed = observeAudit(store.database, ({ event, reason }) => told.push(`${event} ${reason}`));
  });
  afterAll(() => store.drop());
  afterEach(() => {
    told = [];
  });

  it('tells of a record that stands alone', async () => {
    await recordAudit(observed.prisma, REFUSED, cause);
    expect(told).toEqual(['token.rejected unknown_code']);
  });

  it('tells of a record within a transaction when that is committed, and not before', async () => {
    const before = await observed.prisma.$transaction(async (tx) => {
      await recordAudit(tx, REFUSED, cause);
      await recordAudit(tx, ISSUED, cause);
      return [...told];
    });
    expect(before).toEqual([]);
    expect(told).toEqual(['token.rejected unknown_code', 'token.issued null']);
  });

  it('tells nothing of a transaction that was rolled back', async () => {
    const attempt = observed.prisma.$transaction(async (tx) => {
      await recordAudit(tx, REFUSED, cause);
      throw new Error('something else failed');
    });
    await expect(attempt).rejects.toThrow('something else failed');
    expect(told).toEqual([]);
  });

  it('tells of a statement that happened, and nothing of one that did not', async () => {
    await observed.pool.query(statement(false));
    expect(told).toEqual([]);
    await observed.pool.query(statement(true));
    expect(told).toEqual(['token.rejected unknown_code']);
  });

  it('tells once of a statement whose reply was lost and that is then found to have happened', async () => {
    const lost = statement(true);
    await store.database.pool.query(lost);

    expect(await wasCommitted(observed.pool, lost, { event: 'token.rejected', detail: {} })).toBe(true);
    expect(told).toEqual(['token.rejected unknown_code']);
  });

  it('of a statement that is found not to have happened, tells the failure, after which it cannot happen', async () => {
    const late = statement(true);

    expect(await wasCommitted(observed.pool, late, { event: 'token.rejected', detail: {} })).toBe(false);
    await expect(observed.pool.query(late)).rejects.toMatchObject({ code: '23505' });
    expect(told).toEqual(['token.rejected store_unavailable']);
  });

  it('does not take the record of that failure for the statement, when it asks again', async () => {
    const late = statement(true);
    const otherwise = { event: 'token.rejected', detail: {} } as const;
    await wasCommitted(store.database.pool, late, otherwise);

    expect(await wasCommitted(observed.pool, late, otherwise)).toBe(false);
    expect(told).toEqual([]);
  });

  it('leaves every other use of the store as it is', async () => {
    const { rows } = await observed.pool.query<{ two: number }>('SELECT $1::int + 1 AS two', [1]);
    expect(rows).toEqual([{ two: 2 }]);
    const client = await observed.pool.connect();
    client.release();
    expect(observed.pool.totalCount).toBe(store.database.pool.totalCount);
    expect(await observed.prisma.user.count()).toBe(0);
    expect(await observed.prisma.$queryRaw`SELECT ${3}::int AS three`).toEqual([{ three: 3 }]);
    expect(told).toEqual([]);
  });
});
