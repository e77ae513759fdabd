import type { Pool, QueryConfig, QueryResult, QueryResultRow } from 'pg';

import { retryingConflicts } from './conflict.ts';

/**
 * Runs one statement that is a whole transaction of its own, in one round trip. A conflict, of which
 * nothing remains, is tried again, three times in all; a reply that was lost is not, because whether
 * the statement happened is unknown.
 *
 * @throws what the store throws; `isStoreUnavailable` says whether it is worth another request later.
 */
export function runStatement<Row extends QueryResultRow>(
  pool: Pool,
  statement: QueryConfig,
): Promise<QueryResult<Row>> {
  return retryingConflicts(() => pool.query<Row>(statement));
}
