import type { Logger } from 'pino';

import { sweepGrants } from './domain/grants/index.ts';
import type { Installation } from './installation.ts';
import { type Database, isStoreUnavailable } from './platform/database/index.ts';

/** Milliseconds between two rounds. */
const INTERVAL = 60_000;
/** The advisory lock of whoever sweeps. */
const LOCK = 4_610_100;

/**
 * Removes, once a minute, what has expired and can be of no more use. Of several processes one does
 * it at a time; the others skip their round. Answers the function that ends it.
 */
export function startHousekeeping({
  database,
  installation,
  log,
}: {
  readonly database: Database;
  readonly installation: Pick<Installation, 'sessions' | 'attempts'>;
  readonly log: Logger;
}): () => Promise<void> {
  let round: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    round = sweep().catch((error: unknown) => {
      if (isStoreUnavailable(error)) log.debug({ err: error }, 'housekeeping skipped: the store is away');
      else log.error({ err: error }, 'housekeeping failed');
    });
  }, INTERVAL);
  timer.unref();

  async function sweep(): Promise<void> {
    const client = await database.pool.connect();
    try {
      const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_lock($1) AS mine', [
        LOCK,
      ]);
      if (!rows[0]?.mine) return;
      try {
        const swept =
          (await sweepGrants(database.pool)) +
          (await installation.sessions.sweep()) +
          (await installation.attempts.sweep());
        if (swept > 0) log.debug({ swept }, 'housekeeping');
      } finally {
        await client.query('SELECT pg_advisory_unlock($1)', [LOCK]);
      }
    } finally {
      client.release();
    }
  }

  return async () => {
    clearInterval(timer);
    await round;
  };
}
