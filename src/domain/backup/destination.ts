import type { PoolClient } from 'pg';

import { AlreadyExists, InvalidInput } from '../../kernel/errors.ts';
import {
  BATCH,
  countRows,
  migrateWithin,
  readMigrationRecords,
  readMigrations,
  readTables,
  type Table,
  takeMigrationTurn,
  writeRows,
} from '../../platform/database/index.ts';

import { damaged, type Header } from './format.ts';

/** An empty database with the tables of a backup, to be filled in the backup's order. */
export interface Destination {
  /** The following rows are rows of this table. */
  table(name: string): Promise<void>;
  row(text: string): Promise<void>;
  /** Writes what waits; answers how many rows there are. */
  finish(): Promise<number>;
}

/** Makes itself a row in its migration. */
const NEVER_EMPTY = 'installation';
const MAX_BATCH_CHARACTERS = 4_000_000;

/**
 * Sees to it that the database is empty and has exactly the tables that the backup is of: migrated as far as
 * the backup, not further, because what migrations do to rows they have yet to do.
 *
 * @throws InvalidInput when the backup is of a newer version, or of another program's tables.
 * @throws AlreadyExists when the database is not empty.
 */
export async function createDestination(client: PoolClient, header: Header): Promise<Destination> {
  refuseUnknownMigrations(header);
  // Under the lock that whoever makes tables takes, so that the database stays empty.
  await takeMigrationTurn(client);
  await refuseUnlessEmpty(client, header);
  const names = header.migrations.map(({ name }) => name);
  await migrateWithin(client, names);
  const tables = new Map(matchTables(await readTables(client), header).map((table) => [table.name, table]));
  // What migrations have put there is in the backup too.
  for (const { name } of header.tables.toReversed()) await client.query(`DELETE FROM "${name}"`);

  let current: Table | undefined;
  let waiting: string[] = [];
  let characters = 0;

  async function flush(): Promise<void> {
    if (!current) {
      if (waiting.length > 0) throw damaged();
      return;
    }
    await writing(writeRows(client, current, waiting));
    waiting = [];
    characters = 0;
  }

  return {
    async table(name) {
      await flush();
      current = tables.get(name);
      if (!current) throw damaged();
    },

    async row(text) {
      waiting.push(text);
      characters += text.length;
      if (waiting.length >= BATCH || characters > MAX_BATCH_CHARACTERS) await flush();
    },

    async finish() {
      await flush();
      let rows = 0;
      for (const { name, rows: expected } of header.tables) {
        const table = tables.get(name);
        if (!table || (await countRows(client, table)) !== expected) throw damaged();
        rows += expected;
      }
      return rows;
    },
  };
}

function refuseUnknownMigrations({ migrations, made_by: madeBy }: Header): void {
  const known = new Map(readMigrations().map(({ name, checksum }) => [name, checksum]));
  const unknown = migrations.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (unknown.length > 0) {
    throw new InvalidInput(
      `the backup was made by a newer version of Gatehouse (${madeBy}; ${unknown.join(', ')}): restore it with that version`,
    );
  }
  const altered = migrations.filter(({ name, checksum }) => known.get(name) !== checksum);
  if (altered.length > 0) {
    throw new InvalidInput(
      `the backup is of other tables than this version of Gatehouse knows (${altered.map(({ name }) => name).join(', ')})`,
    );
  }
}

async function refuseUnlessEmpty(client: PoolClient, header: Header): Promise<void> {
  const filled: string[] = [];
  const tables = await readTables(client);
  if (tables.length > 0) {
    const names = tables.map(({ name }) => `"${name}"`).join(', ');
    await client.query(`LOCK TABLE ${names} IN EXCLUSIVE MODE`);
  }
  for (const table of tables) {
    if (table.name !== NEVER_EMPTY && (await countRows(client, table)) > 0) filled.push(table.name);
  }
  const others = tables.filter(({ name }) => !header.tables.some((table) => table.name === name));
  const made = new Set(header.migrations.map(({ name }) => name));
  const further = (await readMigrationRecords(client)).some(({ name }) => !made.has(name));
  if (filled.length === 0 && others.length === 0 && !further) return;
  const found = filled.length > 0 ? filled : others.map(({ name }) => name);
  throw new AlreadyExists(
    `the database is not empty${found.length > 0 ? ` (${found.join(', ')})` : ''}, and a backup is restored into an empty one only: ` +
      'name a new database in DATABASE_URL, or without it a new directory in GATEHOUSE_DATA_DIR',
  );
}

/** The tables as the backup has their columns; they come in any order, but none is missing and none is left over. */
function matchTables(tables: readonly Table[], header: Header): readonly Table[] {
  const matched = header.tables.map(({ name, columns }) => {
    const table = tables.find((candidate) => candidate.name === name);
    const found = columns.flatMap((column) => table?.columns.find((other) => other.name === column) ?? []);
    return {
      name,
      columns: found,
      whole: found.length === columns.length && found.length === table?.columns.length,
    };
  });
  if (matched.length !== tables.length || matched.some(({ whole }) => !whole)) {
    throw new InvalidInput('the backup is of other tables than its migrations make');
  }
  return matched;
}

/** A value that PostgreSQL cannot read, or a row that breaks a rule of its table, was not written so. */
async function writing(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && /^2[23]/.test(code)) throw damaged(error);
    throw error;
  }
}
