import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Pool, PoolClient } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput } from '../../kernel/errors.ts';
import type { MasterSealer } from '../../platform/crypto/seal.ts';
import {
  countRows,
  readingSnapshot,
  readMigrationRecords,
  readRows,
  readTables,
  type Table,
} from '../../platform/database/index.ts';
import { recordAuditInOlderStore } from '../audit/index.ts';
import { proveMasterKey } from '../keys/index.ts';

import { createSeal, FORMAT, fingerprintOf, type Header } from './format.ts';

export interface BackupDeps {
  readonly pool: Pool;
  readonly sealer: MasterSealer;
  /** Of Gatehouse, to be told to whoever reads the backup. */
  readonly version: string;
}

export interface BackupSummary {
  /** The moment that the backup is of. */
  readonly madeAt: Date;
  readonly installation: string | undefined;
  readonly rows: number;
}

/** The lines are made as they are written; a few batches at the most wait. */
const AHEAD = 2;

/**
 * Writes the whole store, as it is at one moment, to `sink`, and ends it unless told not to. Memory does not
 * grow with the store, and whoever works with the store goes on undisturbed.
 *
 * The audit record is committed before the seal is written: no backup is whole that the trail does not know.
 *
 * @throws MasterKeyRefused when the store was sealed under another master key, and the backup would be of no use.
 * @throws InvalidInput when there is nothing to back up.
 */
export function writeBackup(
  { pool, sealer, version }: BackupDeps,
  sink: Writable,
  cause: Cause,
  { end = true }: { readonly end?: boolean } = {},
): Promise<BackupSummary> {
  return readingSnapshot(pool, async (client) => {
    const tables = await readTables(client);
    const header = await describe(client, tables, { sealer, version });
    await proveMasterKey(client, sealer);

    const { made_at: madeAt, installation } = header;
    const rows = header.tables.reduce((sum, table) => sum + table.rows, 0);
    const trail = tables.find(({ name }) => name === 'audit_records');
    const columns = new Set(trail?.columns.map(({ name }) => name));
    const detail = { made_at: madeAt, rows };
    const finish = () =>
      recordAuditInOlderStore(pool, columns, { event: 'backup.created', outcome: 'success', detail }, cause);
    const lines = Readable.from(linesOf(client, tables, { header, sealer, finish }), {
      highWaterMark: AHEAD,
    });
    await pipeline(lines, createGzip(), sink, { end });
    return { madeAt: new Date(madeAt), installation: installation ?? undefined, rows };
  });
}

async function* linesOf(
  client: PoolClient,
  tables: readonly Table[],
  { header, sealer, finish }: { header: Header; sealer: MasterSealer; finish: () => Promise<void> },
): AsyncGenerator<string> {
  const seal = createSeal(sealer);
  const sealed = (lines: readonly string[]) => {
    const text = `${lines.join('\n')}\n`;
    seal.update(text);
    return text;
  };
  yield sealed([JSON.stringify(header)]);
  for (const table of tables) {
    yield sealed([JSON.stringify({ table: table.name })]);
    for await (const rows of readRows(client, table)) yield sealed(rows);
  }
  await finish();
  yield `${JSON.stringify({ seal: seal.digest('base64url') })}\n`;
}

async function describe(
  client: PoolClient,
  tables: readonly Table[],
  { sealer, version }: Pick<BackupDeps, 'sealer' | 'version'>,
): Promise<Header> {
  const migrations = await readMigrationRecords(client);
  if (migrations.length === 0) {
    throw new InvalidInput('there is nothing to back up: this database has no tables of Gatehouse');
  }
  const { rows } = await client.query<{ now: string }>(
    `SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`,
  );
  const described: Header['tables'] = [];
  for (const table of tables) {
    const columns = table.columns.map(({ name }) => name);
    described.push({ name: table.name, columns, rows: await countRows(client, table) });
  }
  return {
    gatehouse_backup: FORMAT,
    made_at: rows[0]?.now ?? '',
    made_by: version,
    installation: await installationOf(client, tables),
    master_key: fingerprintOf(sealer),
    migrations: migrations.map(({ name, checksum }) => ({ name, checksum })),
    tables: described,
  };
}

/** Stores of the first version do not know who they are. */
async function installationOf(client: PoolClient, tables: readonly Table[]): Promise<string | null> {
  if (!tables.some(({ name }) => name === 'installation')) return null;
  const { rows } = await client.query<{ id: string }>('SELECT id FROM installation');
  return rows[0]?.id ?? null;
}
