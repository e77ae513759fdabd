import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { DataDirectoryInUse, EmbeddedPostgresFailed, isStoreUnavailable } from '../errors.ts';
import type { Log } from '../log.ts';
import { ensureCluster, passwordOf } from './cluster.ts';
import { APPLICATION, type Endpoint } from './endpoint.ts';
import { type Guard, type Mode, openGuard } from './guard.ts';
import { forgetOwner, otherOwner, recordOwner } from './owner.ts';
import { runningPostmaster, startPostmaster, stopPostmaster } from './postmaster.ts';
import { prepareSite, type Site } from './site.ts';

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly log: Log;
  readonly mode?: Mode;
  /** PostgreSQL settings that replace ours, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL of our own, ready, with the role and the database of APPLICATION. */
export interface EmbeddedPostgres {
  readonly endpoint: Endpoint;
  /** Where the cluster lies. Not below `dataDir` when root had to put it elsewhere. */
  readonly cluster: string;
  /** Leaves the server, and stops it when nobody else uses it. */
  close(): Promise<void>;
}

const PORT = 5432;
const READY_TIMEOUT_MS = 60_000;
const PAUSE_MS = 10;
const BACK_OFF_MS = { first: 50, longest: 5_000 };

/**
 * Starts the PostgreSQL of a data directory, or takes over the one that runs there already: a process that was
 * killed leaves its server behind, whole and with all its data.
 *
 * With `own` this process is the only one that may own the directory, and brings the server up again when it
 * dies. With `join` it uses what is there, beside an owner or alone.
 *
 * @throws {DataDirectoryInUse} for `own`, when another running process owns the directory.
 * @throws {EmbeddedPostgresFailed} when PostgreSQL cannot run here.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log, mode = 'own', settings = {} } = options;
  const site = prepareSite(options.dataDir);
  if (mode === 'own') refuseSecondOwner(site);
  const endpoint = runningPostmaster(site)?.endpoint ?? (await newEndpoint(site));
  const password = passwordOf(site);
  const server: Server = {
    site,
    mode,
    settings,
    log,
    endpoint: password === undefined ? endpoint : { ...endpoint, password },
  };

  let closed = false;
  let guard = await enter(server);
  try {
    await ensureApplicationDatabase(guard, password);
    if (mode === 'own') recordOwner(site);
  } catch (error) {
    await guard.session.end();
    throw error;
  }

  let revival: Promise<void> = Promise.resolve();
  const watch = () => {
    void guard.ended.then(() => {
      if (!closed) revival = revive();
    });
  };
  async function revive(): Promise<void> {
    log.error({ cluster: site.cluster }, 'the embedded PostgreSQL went away; starting it again');
    const revived = await reenter(server, () => closed);
    if (revived === undefined) return;
    guard = revived;
    log.info({ cluster: site.cluster }, 'the embedded PostgreSQL is back');
    watch();
  }
  if (mode === 'own') watch();

  return {
    endpoint: server.endpoint,
    cluster: site.cluster,
    async close() {
      if (closed) return;
      closed = true;
      await revival;
      if (mode === 'own') forgetOwner(site);
      const wasLast = await guard.leave().catch(() => mode === 'own' && otherOwner(site) === undefined);
      if (wasLast) await stopPostmaster(site);
      await guard.session.end().catch(() => undefined);
    },
  };
}

interface Server {
  readonly site: Site;
  readonly mode: Mode;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly endpoint: Endpoint;
}

/**
 * Takes the locks of the server, and starts it first when nobody listens.
 *
 * Asking comes before looking for its process: a server in another container that shares the directory can be
 * reached through its socket, and a second one beside it would ruin the data.
 */
async function enter(server: Server): Promise<Guard> {
  const { site, endpoint } = server;
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      const guard = await openGuard(endpoint, server.mode, site.dataDir);
      if (guard !== undefined) return guard;
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
      if (performance.now() > deadline) {
        throw new EmbeddedPostgresFailed(`PostgreSQL does not answer; see ${site.logFile}`, { cause: error });
      }
      if (nobodyListens(error) && runningPostmaster(site) === undefined) await bringUp(server);
    }
    await delay(PAUSE_MS);
  }
}

async function bringUp({ site, endpoint, settings }: Server): Promise<void> {
  try {
    await ensureCluster(site);
    await startPostmaster(site, endpoint, settings);
  } catch (error) {
    // The sessions of a server that was killed are still ending, and hold its shared memory.
    if (!(error instanceof EmbeddedPostgresFailed) || !error.message.includes('is still in use')) throw error;
  }
}

function nobodyListens(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** `enter` until it succeeds, ever more slowly, or until it is not wanted any more. */
async function reenter(server: Server, stopped: () => boolean): Promise<Guard | undefined> {
  let pause = BACK_OFF_MS.first;
  while (!stopped()) {
    try {
      return await enter(server);
    } catch (error) {
      server.log.error({ err: error, retryInMs: pause }, 'the embedded PostgreSQL does not start');
    }
    await delay(pause);
    pause = Math.min(pause * 2, BACK_OFF_MS.longest);
  }
  return undefined;
}

function refuseSecondOwner(site: Site): void {
  const pid = otherOwner(site);
  if (pid !== undefined) throw new DataDirectoryInUse(site.dataDir, pid);
}

/** Makes our role, without any privilege over the server, and its database. */
async function ensureApplicationDatabase(guard: Guard, password: string | undefined): Promise<void> {
  const { user, database } = APPLICATION;
  const found = await guard.session.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  if (found.rowCount !== 0) return;
  const secret = password === undefined ? '' : ` PASSWORD '${password}'`;
  const statements = [`CREATE ROLE ${user} LOGIN${secret}`, `CREATE DATABASE ${database} OWNER ${user}`];
  for (const statement of statements) {
    await guard.session.query(statement).catch(ignoreWhatExists);
  }
}

/** Two processes may make the first start together: duplicate_object, duplicate_database, unique_violation. */
function ignoreWhatExists(error: unknown): void {
  if (!['42710', '42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw error;
}

async function newEndpoint(site: Site): Promise<Endpoint> {
  if (site.sockets !== undefined) return { host: site.sockets, port: PORT };
  return { host: '127.0.0.1', port: await freePort() };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
