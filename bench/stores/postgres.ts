import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { runningAsRoot, unprivilegedAccount } from '../../src/platform/database/embedded/account.ts';
import { installedBinaries } from '../../src/platform/database/embedded/binaries.ts';
import { freePort } from '../../test/support/free-port.ts';

import { statementSettings, writeStatements } from './statements.ts';

/** A PostgreSQL of the benchmark's own, on loopback TCP as a server elsewhere would be. */
export interface PostgresCluster {
  /** For example `15.8`. */
  readonly version: string;
  /** Its first process, the parent of all others. */
  readonly pid: number;
  createDatabase(name: string): Promise<string>;
  /** Bytes of write-ahead log written since the cluster was made. */
  wal(): Promise<number>;
  query(text: string): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** As PostgreSQL comes, and durable; only what keeps it to itself is set. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '100',
};

/**
 * Makes a cluster in `directory` and starts it, from the binaries of the machine, else from those that
 * the embedded PostgreSQL uses. With `profile`, what each statement took is left in that directory.
 */
export async function startPostgres(
  directory: string,
  { profile }: { readonly profile: string | undefined },
): Promise<PostgresCluster> {
  const { initdb, postgres } = findBinaries();
  const account = runningAsRoot() ? unprivilegedAccount() : undefined;
  mkdirSync(directory, { mode: 0o700 });
  if (account) chownSync(directory, account.uid, account.gid);
  const as = { cwd: '/', env: {}, ...account };

  const made = spawnSync(
    initdb,
    ['-D', directory, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C'],
    as,
  );
  if (made.status !== 0) throw new Error(`initdb: ${made.error?.message ?? made.stderr}`);

  const port = await freePort();
  const profiling = profile === undefined ? undefined : statementSettings(postgres);
  const settings = Object.entries({ ...SETTINGS, ...profiling, port }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const log = openSync(`${directory}.log`, 'a');
  const child = spawn(postgres, ['-D', directory, ...settings], { ...as, stdio: ['ignore', log, log] });
  const urlOf = (database: string) => `postgresql://postgres@127.0.0.1:${port}/${database}`;
  const session = await connectTo(urlOf('postgres'), child);
  const rows = async (text: string) => (await session.query(text)).rows as Record<string, unknown>[];

  return {
    version: String((await rows('SHOW server_version'))[0]?.['server_version']).split(' ', 1)[0] ?? '',
    pid: child.pid ?? 0,
    query: rows,
    async createDatabase(name) {
      await session.query(`CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    async wal() {
      return Number((await rows("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes"))[0]?.['bytes']);
    },
    async stop() {
      if (profile !== undefined && profiling) await writeStatements(rows, join(profile, 'statements.tsv'));
      await session.end();
      const gone = once(child, 'exit');
      child.kill('SIGINT');
      await gone;
    },
  };
}

async function connectTo(connectionString: string, child: ChildProcess): Promise<pg.Client> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const session = new pg.Client({ connectionString });
    try {
      await session.connect();
      return session;
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`, { cause: error });
    }
    await delay(20);
  }
  throw new Error('postgres does not answer');
}

function findBinaries(): { readonly initdb: string; readonly postgres: string } {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
    dirname(installedBinaries().postgres),
  ];
  const place = places.find((candidate) => existsSync(join(candidate, 'initdb')));
  if (place === undefined) throw new Error('there is no PostgreSQL on this machine');
  return { initdb: join(place, 'initdb'), postgres: join(place, 'postgres') };
}
