import type { Logger } from 'pino';

import { sweepRequests } from './domain/admission/index.ts';
import { expireAudit } from './domain/audit/index.ts';
import { type ClientLifetimes, sweepClients } from './domain/clients/index.ts';
import { endSuperseded, settleCutoffs, sweepGrants } from './domain/grants/index.ts';
import { sweepLinks } from './domain/links/index.ts';
import type { Installation } from './installation.ts';
import { ADVISORY_LOCKS, type Database, isStoreUnavailable } from './platform/database/index.ts';
import { sweepCopies } from './platform/fetch/index.ts';

/** Milliseconds between two rounds. */
const INTERVAL = 60_000;

/**
 * Does, once a minute, what only time asks for: signing keys that are due, what the end of very many grants
 * left to be written down, the end of connections that newer ones have replaced, and the removal of what has
 * expired and can be of no more use. Of several processes one does it at a time; the others skip their round. Answers the function that ends it.
 */
export function startHousekeeping({
  database,
  installation,
  clientLifetimes,
  auditRetention = 0,
  log,
  interval = INTERVAL,
}: {
  readonly database: Database;
  readonly installation: Pick<Installation, 'keys' | 'sessions' | 'attempts'>;
  readonly clientLifetimes: ClientLifetimes;
  /** Seconds for which audit records are kept; 0: for ever. */
  readonly auditRetention?: number;
  readonly log: Logger;
  /** Milliseconds between two rounds. */
  readonly interval?: number;
}): () => Promise<void> {
  const stop = new AbortController();
  let round: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    round = attempt(doRound);
  }, interval);
  timer.unref();

  /** One failure does not keep the rest of a round, or the next round, from happening. */
  async function attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isStoreUnavailable(error)) log.debug({ err: error }, 'housekeeping skipped: the store is away');
      else log.error({ err: error }, 'housekeeping failed');
    }
  }

  async function settle(): Promise<void> {
    const settled = await settleCutoffs(database.prisma, stop.signal);
    if (settled > 0) log.info({ settled }, 'grants that ended with all others of their client say so');
  }

  async function supersede(): Promise<void> {
    const ended = await endSuperseded(database.prisma, stop.signal);
    if (ended > 0) log.info({ ended }, 'connections that newer ones had replaced have ended');
  }

  async function sweep(): Promise<void> {
    const swept =
      (await sweepGrants(database.pool)) +
      (await sweepClients(database.prisma, clientLifetimes)) +
      (await sweepRequests(database.prisma)) +
      (await sweepCopies(database.pool)) +
      (await sweepLinks(database.prisma)) +
      (await expireAudit(database.pool, auditRetention)) +
      (await installation.sessions.sweep()) +
      (await installation.attempts.sweep());
    if (swept > 0) log.debug({ swept }, 'housekeeping');
  }

  async function doRound(): Promise<void> {
    const client = await database.pool.connect();
    try {
      const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_lock($1) AS mine', [
        ADVISORY_LOCKS.housekeeping,
      ]);
      if (!rows[0]?.mine) return;
      try {
        await attempt(installation.keys.maintain);
        await attempt(settle);
        await attempt(supersede);
        await attempt(sweep);
      } finally {
        await client.query('SELECT pg_advisory_unlock($1)', [ADVISORY_LOCKS.housekeeping]);
      }
    } finally {
      client.release();
    }
  }

  return async () => {
    clearInterval(timer);
    stop.abort();
    await round;
  };
}
