import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { EMBEDDED_LOCKS } from '../advisory-locks.ts';
import { DataDirectoryInUse } from '../errors.ts';
import { ADMINISTRATION, type Endpoint } from './endpoint.ts';
import { isAlive } from './processes.ts';

/** `own`: the one server process of a data directory. `join`: a command beside it, or alone. */
export type Mode = 'own' | 'join';

/**
 * A session that holds the locks of a data directory. PostgreSQL releases them when the session ends, also by
 * kill -9.
 *
 * Everybody who uses the embedded server holds IN_USE shared, and the owner OWNED beside it. Whoever leaves and
 * then gets IN_USE for itself alone was the last one, and stops the server.
 */
export interface Guard {
  readonly session: pg.Client;
  /** Settles when the session is lost or closed. */
  readonly ended: Promise<void>;
  /** Gives the locks back; true when nobody else is there, who then cannot come in before the session ends. */
  leave(): Promise<boolean>;
}

const { space: LOCKS, inUse: IN_USE, owned: OWNED } = EMBEDDED_LOCKS;

/** How long PostgreSQL may take to notice that the process of a session is gone. */
const GHOST_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Opens the guarding session, or gives nothing while the server is being stopped by the last one who left.
 *
 * @throws {DataDirectoryInUse} for `own`, when another process owns the data directory.
 */
export async function openGuard(endpoint: Endpoint, mode: Mode, dataDir: string): Promise<Guard | undefined> {
  const session = new pg.Client({
    ...endpoint,
    ...ADMINISTRATION,
    application_name: `gatehouse ${mode} ${process.pid}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  const ended = new Promise<void>((resolve) => session.once('end', resolve));
  session.on('error', () => undefined);
  try {
    await session.connect();
    if (!(await ask(session, 'pg_try_advisory_lock_shared', IN_USE))) {
      await session.end();
      return undefined;
    }
    if (mode === 'own') await takeOwnership(session, dataDir);
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
  return { session, ended, leave: () => leave(session, mode) };
}

async function takeOwnership(session: pg.Client, dataDir: string): Promise<void> {
  const deadline = performance.now() + GHOST_TIMEOUT_MS;
  while (!(await ask(session, 'pg_try_advisory_lock', OWNED))) {
    const [holder] = await holdersOf(session, OWNED);
    const isGhost = holder === undefined || !isAlive(holder);
    if (!isGhost || performance.now() > deadline) throw new DataDirectoryInUse(dataDir, holder);
    await delay(20);
  }
}

async function leave(session: pg.Client, mode: Mode): Promise<boolean> {
  if (mode === 'own') await ask(session, 'pg_advisory_unlock', OWNED);
  await ask(session, 'pg_advisory_unlock_shared', IN_USE);
  const deadline = performance.now() + GHOST_TIMEOUT_MS;
  while (!(await ask(session, 'pg_try_advisory_lock', IN_USE))) {
    const others = await holdersOf(session, IN_USE);
    if (others.some(isAlive) || performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

async function ask(session: pg.Client, lockFunction: string, lock: number): Promise<boolean> {
  const result = await session.query<{ ok: boolean }>(`SELECT ${lockFunction}(${LOCKS}, ${lock}) AS ok`);
  return result.rows[0]?.ok === true;
}

/** The processes that hold a lock, from the names of their sessions. */
async function holdersOf(session: pg.Client, lock: number): Promise<readonly number[]> {
  const result = await session.query<{ name: string }>(
    `SELECT a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = $2 AND l.granted`,
    [LOCKS, lock],
  );
  return result.rows.map(({ name }) => Number(name.split(' ')[2])).filter((pid) => pid > 0);
}
