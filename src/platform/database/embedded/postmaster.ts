import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { EmbeddedPostgresFailed } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { commandLine, isAlive, isInUse } from './processes.ts';
import type { Site } from './site.ts';

/** A PostgreSQL server process, as its `postmaster.pid` describes it. */
export interface Postmaster {
  readonly pid: number;
  readonly endpoint: Endpoint;
  readonly ready: boolean;
}

/** Settings for a small machine. Durability is named, so that no file can switch it off. */
const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '64MB',
  max_connections: '100',
  max_wal_size: '512MB',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

/** How long a start may take: after a power failure PostgreSQL first replays its log. */
const START_TIMEOUT_MS = 60_000;
/** How long a stop may take before PostgreSQL is told to stop at once (and to recover at the next start). */
const STOP_TIMEOUT_MS = 10_000;
const LOG_LIMIT_BYTES = 10_000_000;

/**
 * The server that runs on the cluster, if one does. A `postmaster.pid` whose process is gone, or is by now
 * something else, says nothing.
 */
export function runningPostmaster(site: Pick<Site, 'cluster'>): Postmaster | undefined {
  const lines = readLines(join(site.cluster, 'postmaster.pid'));
  const pid = Number(lines?.[0]);
  if (lines === undefined || !Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  if (commandLine(pid)?.includes(site.cluster) === false) return undefined;
  const [, , , port, sockets, address, , status] = lines;
  return {
    pid,
    endpoint: { host: sockets || address || '127.0.0.1', port: Number(port) },
    ready: status?.trim() === 'ready',
  };
}

/**
 * Starts a server on the cluster and waits until it is ready.
 *
 * The server gets its own session, so that Ctrl-C in a terminal reaches us and not it: requests in flight
 * still need it. It writes to a file and not to us, so that it outlives us and can be taken over.
 *
 * @throws {EmbeddedPostgresFailed} with the end of its log, when it does not come up.
 */
export async function startPostmaster(
  site: Site,
  endpoint: Endpoint,
  extra: Readonly<Record<string, string>>,
): Promise<void> {
  setForeignLocksAside(site, endpoint);
  const settings = { ...SETTINGS, ...extra, ...listen(endpoint) };
  const [command, args] = commandToStart(site, settings);
  const logStart = rotateLog(site.logFile);
  const log = openSync(site.logFile, 'a', 0o600);
  let exit: string | undefined;
  try {
    const child = spawn(command, args, {
      cwd: '/',
      detached: true,
      env: {},
      stdio: ['ignore', log, log],
      windowsHide: true,
      ...(site.account && { uid: site.account.uid, gid: site.account.gid }),
    });
    child.on('error', (error) => {
      exit = error.message;
    });
    child.on('exit', (code, signal) => {
      if (code !== 0 || command === site.binaries.postgres) exit = `exit ${code ?? signal}`;
    });
    child.unref();
  } finally {
    closeSync(log);
  }

  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!runningPostmaster(site)?.ready) {
    // When another process was quicker, its server is as good as ours.
    if (exit !== undefined && runningPostmaster(site) === undefined) {
      throw new EmbeddedPostgresFailed(
        `PostgreSQL did not start (${exit}):\n${logSince(site.logFile, logStart)}`,
      );
    }
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresFailed(
        `PostgreSQL was not ready after ${START_TIMEOUT_MS / 1000} s; see ${site.logFile}`,
      );
    }
    await delay(10);
  }
}

/** Stops the server: sessions are ended, everything is written, the process is gone. */
export async function stopPostmaster(site: Site): Promise<void> {
  const running = runningPostmaster(site);
  if (running === undefined) return;
  tellToStop(site, running.pid, 'SIGINT');
  const patience = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(running.pid)) {
    await delay(10);
    if (performance.now() < patience) continue;
    tellToStop(site, running.pid, 'SIGQUIT');
    return;
  }
}

/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one. */
function tellToStop(site: Site, pid: number, signal: 'SIGINT' | 'SIGQUIT'): void {
  if (process.platform === 'win32') {
    const mode = signal === 'SIGINT' ? 'fast' : 'immediate';
    spawnSync(site.binaries.pgCtl, ['stop', '-W', '-D', site.cluster, '-m', mode], {
      env: {},
      windowsHide: true,
    });
    return;
  }
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in this moment.
  }
}

/** On Windows `pg_ctl` starts the server, because it can give up an administrator's rights first. */
function commandToStart(site: Site, settings: Readonly<Record<string, string>>): [string, string[]] {
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  if (process.platform !== 'win32') return [site.binaries.postgres, ['-D', site.cluster, ...options]];
  const pgCtl = ['start', '-W', '-D', site.cluster, '-l', site.logFile, '-o', options.join(' ')];
  return [site.binaries.pgCtl, pgCtl];
}

function listen({ host, port }: Endpoint): Readonly<Record<string, string>> {
  return host.startsWith('/')
    ? {
        port: `${port}`,
        listen_addresses: '',
        unix_socket_directories: host,
        unix_socket_permissions: '0700',
      }
    : { port: `${port}`, listen_addresses: host, unix_socket_directories: '' };
}

function readLines(file: string): readonly string[] | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return undefined;
  }
}

/**
 * Sets PostgreSQL's lock files aside when their number belongs to something else by now, or to a dead process
 * that nobody has reaped. In a container the first is the rule, since numbers repeat at every start, and the
 * second happens; PostgreSQL would take either for its predecessor and refuse. What is left of a real
 * predecessor it still recognizes, by the shared memory of the data directory.
 */
function setForeignLocksAside(site: Site, { host, port }: Endpoint): void {
  if (runningPostmaster(site) !== undefined) return;
  setForeignLockAside(join(site.cluster, 'postmaster.pid'));
  if (host.startsWith('/')) setForeignLockAside(join(host, `.s.PGSQL.${port}.lock`));
}

function setForeignLockAside(file: string): void {
  const pid = pidIn(file);
  if (pid === undefined || !isInUse(pid)) return;
  const aside = `${file}.${process.pid}`;
  renameSync(file, aside);
  // Should another process have started a server in between, this is its file: back with it.
  if (pidIn(aside) === pid) rmSync(aside);
  else renameSync(aside, file);
}

function pidIn(file: string): number | undefined {
  const pid = Number(readLines(file)?.[0]);
  return pid > 0 ? pid : undefined;
}

function rotateLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= LOG_LIMIT_BYTES) return size;
  renameSync(file, `${file}.1`);
  return 0;
}

function logSince(file: string, start: number): string {
  return readFileSync(file).subarray(start).toString('utf8').trim().split('\n').slice(-20).join('\n');
}
