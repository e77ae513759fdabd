import pg from 'pg';

import type { Log } from './log.ts';

/** Where to connect: a URL, or what an embedded server gave. */
export type Target =
  | { readonly connectionString: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly database: string;
      readonly password?: string;
    };

export interface PoolOptions {
  /** Connections at most. */
  readonly poolSize: number;
  readonly log: Log;
  /** How long to wait for a free or a new connection before the store counts as unavailable. */
  readonly connectTimeoutMs?: number;
  /** How long one statement may run. */
  readonly statementTimeoutMs?: number;
}

const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 60_000;
/** Beyond the server's own timeout: then the server or the way to it is gone without a word. */
const SILENCE_MS = 2_000;

/**
 * A pool in which nothing waits for ever: not for a connection, a lock, a statement or a transaction that its
 * client forgot. When PostgreSQL goes away its connections are dropped, and new ones are made when it is back.
 */
export function createPool(target: Target, options: PoolOptions): pg.Pool {
  const { poolSize, log, connectTimeoutMs = 3_000, statementTimeoutMs = 10_000 } = options;
  const pool = new pg.Pool({
    ...target,
    application_name: 'gatehouse',
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'));
  pool.on('connect', (client) => {
    client.on('error', (error) => log.debug({ err: error }, 'a database connection in use was lost'));
  });
  return pool;
}
