import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Pool } from 'pg';

import { loadConfig } from '../../src/config/load.ts';
import { createSeal } from '../../src/domain/backup/format.ts';
import { type RestoreSummary, restoreBackup, writeBackup } from '../../src/domain/backup/index.ts';
import { startServer } from '../../src/main.ts';
import { createMasterSealer, type MasterSealer } from '../../src/platform/crypto/seal.ts';
import { type Database, readTables } from '../../src/platform/database/index.ts';

import { createEmptyDatabase, openAt } from './database.ts';
import { cause, type TestServer } from './server.ts';

/** The sealer of the master key that a test server was started with. */
export function sealerOf({ environment }: Pick<TestServer, 'environment'>): MasterSealer {
  return createMasterSealer(Buffer.from(environment['GATEHOUSE_MASTER_KEY'] ?? '', 'base64url'));
}

/** A backup of the store, in memory. */
export async function backUp(pool: Pool, sealer: MasterSealer): Promise<Buffer> {
  const sink = new PassThrough();
  const [bytes] = await Promise.all([
    buffer(sink),
    writeBackup({ pool, sealer, version: '0.0.0-test' }, sink, cause),
  ]);
  return bytes;
}

export function restoreTo(pool: Pool, sealer: MasterSealer, backup: Buffer): Promise<RestoreSummary> {
  // In pieces, as files and pipes come.
  const pieces = Array.from({ length: Math.ceil(backup.length / 4096) }, (_, n) =>
    backup.subarray(n * 4096, (n + 1) * 4096),
  );
  return restoreBackup({ pool, sealer }, Readable.from(pieces, { objectMode: false }), cause);
}

/** The lines of a backup: header, marks and rows; the last one is the seal. */
export function linesOf(backup: Buffer): string[] {
  return gunzipSync(backup).toString('utf8').trimEnd().split('\n');
}

/** A backup of these lines, whose seal is right. */
export function sealedAnew(lines: readonly string[], sealer: MasterSealer): Buffer {
  const text = lines
    .slice(0, -1)
    .map((line) => `${line}\n`)
    .join('');
  const seal = createSeal(sealer).update(text).digest('base64url');
  return gzipSync(`${text}${JSON.stringify({ seal })}\n`);
}

/** The rows of a backup by table, as objects of PostgreSQL's text. */
export function tablesOf(backup: Buffer): ReadonlyMap<string, readonly Record<string, string | null>[]> {
  const [first = '', ...rest] = linesOf(backup);
  const { tables } = JSON.parse(first) as { tables: { name: string; columns: string[] }[] };
  const found = new Map<string, Record<string, string | null>[]>(tables.map(({ name }) => [name, []]));
  let current: (typeof tables)[number] | undefined;
  for (const line of rest) {
    const value = JSON.parse(line) as { table?: string } | (string | null)[];
    if (Array.isArray(value)) {
      const row = Object.fromEntries(current?.columns.map((column, n) => [column, value[n] ?? null]) ?? []);
      found.get(current?.name ?? '')?.push(row);
    } else {
      current = tables.find(({ name }) => name === value.table);
    }
  }
  return found;
}

/** Every row of every table, as PostgreSQL writes them, in an order of its own; no table, no key. */
export async function dump(pool: Pool): Promise<Readonly<Record<string, readonly string[]>>> {
  const client = await pool.connect();
  try {
    await client.query(`SET timezone = 'UTC'`);
    const dumped: Record<string, string[]> = {};
    for (const { name } of await readTables(client)) {
      const { rows } = await client.query<{ row: string }>(
        `SELECT t::text AS row FROM "${name}" AS t ORDER BY 1`,
      );
      dumped[name] = rows.map(({ row }) => row);
    }
    return dumped;
  } finally {
    client.release(true);
  }
}

/** An empty database, open; `drop` closes and removes it. */
export async function openEmpty(): Promise<{
  readonly url: string;
  readonly database: Database;
  drop(): Promise<void>;
}> {
  const { url, drop } = await createEmptyDatabase();
  const database = await openAt(url, 4);
  return {
    url,
    database,
    async drop() {
      await database.close();
      await drop();
    },
  };
}

/** The server again, under the same issuer and key, on another store. */
export async function startOn(
  environment: Readonly<Record<string, string>>,
  databaseUrl: string,
): Promise<TestServer> {
  const there = { ...environment, DATABASE_URL: databaseUrl };
  const config = loadConfig(there);
  const server = await startServer(config);
  return {
    issuer: config.issuer,
    database: server.database,
    installation: server.installation,
    databaseUrl,
    environment: there,
    internal: `http://127.0.0.1:${server.internalAddress?.port}`,
    stop: () => server.stop(),
  };
}
