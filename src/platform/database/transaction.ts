import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';

import { isStoreUnavailable, StoreUnavailable } from './errors.ts';

const TRIES = 3;
const PAUSE_MS = 10;

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws.
 *
 * A serialization failure or a deadlock is tried again, three times in all, so `work` has no effects outside of
 * the transaction. A commit whose answer was lost is not: whether it happened is unknown.
 *
 * @throws {StoreUnavailable} when the tries are used up or the store cannot be asked; otherwise what `work` throws.
 */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce(pool, work);
    } catch (error) {
      if (!isConflict(error) || attempt === TRIES) throw asStoreError(error);
      // Apart from each other, or the two that collided would collide again.
      await delay(PAUSE_MS * attempt * (0.5 + Math.random()));
    }
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

/** serialization_failure and deadlock_detected: the database undid everything and asks for another try. */
function isConflict(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === '40001' || code === '40P01';
}

function asStoreError(error: unknown): unknown {
  if (error instanceof StoreUnavailable || !isStoreUnavailable(error)) return error;
  return new StoreUnavailable('the database could not complete the transaction', { cause: error });
}
