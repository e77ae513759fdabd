import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { StoreUnavailable } from './errors.ts';
import { transaction } from './transaction.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ poolSize: 4 });
  await test.database.pool.query('CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL)');
});

afterAll(() => test.drop());

beforeEach(async () => {
  await test.database.pool.query('DELETE FROM counters');
  await test.database.pool.query('INSERT INTO counters VALUES (1, 0), (2, 0)');
});

describe('transaction', () => {
  it('commits what was done when the work returns, and gives what it returned', async () => {
    const { pool } = test.database;
    const result = await transaction(pool, async (client) => {
      await client.query('UPDATE counters SET n = 5 WHERE id = 1');
      return 'done';
    });
    expect(result).toBe('done');
    expect(await counts()).toEqual([5, 0]);
  });

  it('rolls everything back when the work throws, and throws the same', async () => {
    const { pool } = test.database;
    const failure = new Error('no');
    const attempt = transaction(pool, async (client) => {
      await client.query('UPDATE counters SET n = 5');
      throw failure;
    });
    await expect(attempt).rejects.toBe(failure);
    expect(await counts()).toEqual([0, 0]);
  });

  it('Y2: two transactions that deadlock both succeed in the end, each exactly once', async () => {
    const { pool } = test.database;
    let attempts = 0;
    const bothHoldOne = barrier(2);
    const increment = (first: number, second: number) =>
      transaction(pool, async (client) => {
        attempts += 1;
        await client.query('UPDATE counters SET n = n + 1 WHERE id = $1', [first]);
        await bothHoldOne();
        await client.query('UPDATE counters SET n = n + 1 WHERE id = $1', [second]);
      });

    await Promise.all([increment(1, 2), increment(2, 1)]);

    expect(attempts).toBeGreaterThan(2);
    expect(await counts()).toEqual([2, 2]);
  });

  it('Y2: a conflict that does not go away is given up after three tries, with nothing done', async () => {
    const { pool } = test.database;
    let attempts = 0;
    const attempt = transaction(pool, async (client) => {
      attempts += 1;
      await client.query('UPDATE counters SET n = n + 1 WHERE id = 1');
      await client.query(`DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`);
    });
    await expect(attempt).rejects.toThrow(StoreUnavailable);
    expect(attempts).toBe(3);
    expect(await counts()).toEqual([0, 0]);
  });

  it('never reports success for work that hid the failure of a statement', async () => {
    const { pool } = test.database;
    const attempt = transaction(pool, async (client) => {
      await client.query('UPDATE counters SET n = 5');
      await client.query('SELECT 1/0').catch(() => undefined);
    });
    await expect(attempt).rejects.toThrow(/rolled back/);
    expect(await counts()).toEqual([0, 0]);
  });

  it('does not try again what the database refuses for good', async () => {
    const { pool } = test.database;
    let attempts = 0;
    const attempt = transaction(pool, async (client) => {
      attempts += 1;
      await client.query('INSERT INTO counters VALUES (1, 0)');
    });
    await expect(attempt).rejects.toMatchObject({ code: '23505' });
    expect(attempts).toBe(1);
  });

  it('a connection that is cut in the middle is the store being unavailable, and does not return to the pool', async () => {
    const { pool } = test.database;
    const attempt = transaction(pool, async (client) => {
      await client.query('UPDATE counters SET n = 5');
      await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(attempt).rejects.toThrow(StoreUnavailable);
    expect(await counts()).toEqual([0, 0]);
  });
});

async function counts(): Promise<readonly number[]> {
  const { rows } = await test.database.pool.query<{ n: number }>('SELECT n FROM counters ORDER BY id');
  return rows.map(({ n }) => n);
}

/** Lets the first `size` callers go on together, and everybody after them at once. */
function barrier(size: number): () => Promise<void> {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let waiting = 0;
  return () => {
    waiting += 1;
    if (waiting >= size) open();
    return opened;
  };
}
