import { afterAll, beforeAll, expect, it } from 'vitest';

import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let store: TestDatabase;
beforeAll(async () => {
  store = await createTestDatabase();
});
afterAll(() => store.drop());

/** Indexes that have the primary key of their table in them, and not at their beginning. */
const WITH_KEY = `
  SELECT i.indexrelid::regclass::text AS index
  FROM pg_index p JOIN pg_index i ON i.indrelid = p.indrelid AND NOT i.indisprimary
  JOIN pg_class c ON c.oid = p.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
  WHERE p.indisprimary AND p.indnkeyatts = 1
    AND p.indkey[0] = ANY (i.indkey::int2[]) AND i.indkey[0] <> p.indkey[0]`;

it('no index but the primary one is of use for a row that is asked for by its key', async () => {
  // A planner that has not heard how large a table is takes one for as good as the other, and reads all of it.
  const { rows } = await store.database.pool.query(WITH_KEY);
  expect(rows).toEqual([]);
});
