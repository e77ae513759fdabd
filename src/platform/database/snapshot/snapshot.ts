import type { Pool, PoolClient } from 'pg';

import { ADVISORY_LOCKS } from '../advisory-locks.ts';
import { PLAIN_TEXT } from './rows.ts';

/**
 * Gives `work` the whole store as it is at one moment, to read only, for as long as it takes. Whoever works
 * with the store goes on undisturbed; only migrations wait.
 */
export async function readingSnapshot<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    // A migration would change tables under us, and would, while it waits, keep everybody else from them.
    await client.query(
      `SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '5s';
       SELECT pg_advisory_lock_shared(${ADVISORY_LOCKS.migration})`,
    );
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${PLAIN_TEXT}`);
    return await work(client);
  } finally {
    // The session ends, and with it its settings, its lock and what is left of the transaction.
    client.release(true);
  }
}
