import type { Pool, PoolClient } from 'pg';

import { isConflict, retryingConflicts } from './conflict.ts';
import { isStoreUnavailable, StoreUnavailable } from './errors.ts';

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws.
 *
 * A serialization failure or a deadlock is tried again, three times in all, so `work` has no effects outside of
 * the transaction. A commit whose answer was lost is not: whether it happened is unknown.
 *
 * @throws {StoreUnavailable} when the tries are used up or the store cannot be asked; otherwise what `work` throws.
 */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  try {
    return await retryingConflicts(() => attemptOnce(pool, work));
  } catch (error) {
    throw asStoreError(error);
  }
}

/**
 * `transaction`, tried once: for work that cannot be done again, because it reads from a stream.
 *
 * @throws as `transaction`.
 */
export async function transactionOnce<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  try {
    return await attemptOnce(pool, work);
  } catch (error) {
    throw asStoreError(error);
  }
}

async function attemptOnce<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    const { command } = await client.query('COMMIT');
    // PostgreSQL answers so when a statement had failed and `work` did not let its error through.
    if (command !== 'COMMIT')
      throw new Error('the transaction was rolled back, because a statement in it had failed');
    return result;
  } catch (error) {
    // A connection that is lost, or silent, is not asked once more: closing it rolls back just as well.
    broken = isStoreUnavailable(error) && !isConflict(error);
    if (!broken) {
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
    }
    throw error;
  } finally {
    client.release(broken);
  }
}

function asStoreError(error: unknown): unknown {
  if (error instanceof StoreUnavailable || !isStoreUnavailable(error)) return error;
  return new StoreUnavailable('the database could not complete the transaction', { cause: error });
}
