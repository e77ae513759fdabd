import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';

import { ADVISORY_LOCKS } from './advisory-locks.ts';
import { MigrationRefused } from './errors.ts';
import type { Log } from './log.ts';
import { type Migration, readMigrations } from './migrations.ts';
import { transaction } from './transaction.ts';

export interface MigrateOptions {
  readonly log: Log;
  /** Where the migrations are; those of this version by default. */
  readonly directory?: string;
}

/** The longest that one migration may take, and that another process may be waited for. */
const LONGEST_MS = 15 * 60_000;

/** Prisma's table, exactly. */
const MIGRATIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" TIMESTAMPTZ,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
  )`;

/**
 * Brings the database to the schema of this version; gives the names of the migrations that it applied.
 *
 * Each migration and the record of it are one transaction under one lock: a process that dies in the middle
 * leaves nothing behind, and of several that start together one does the work while the others wait. A migration
 * therefore holds nothing that refuses to run in a transaction. Where nothing is to be done nobody is waited for.
 *
 * @throws {MigrationRefused} when the database has been migrated by a newer version, or by a migration that
 *   was altered since.
 */
export async function migrate(pool: Pool, options: MigrateOptions): Promise<readonly string[]> {
  const migrations = readMigrations(options.directory);
  const applied: string[] = [];
  for (;;) {
    if ((await pendingIn(pool, migrations)).length === 0) return applied;
    const name = await transaction(pool, async (client) => {
      await takeMigrationTurn(client);
      return applyNext(client, migrations);
    });
    if (name === undefined) return applied;
    options.log.info({ migration: name }, 'database migration applied');
    applied.push(name);
  }
}

/**
 * Migrates inside a transaction that does more and has its turn: with `only`, by these migrations and no others.
 *
 * @throws {MigrationRefused} as `migrate`, and when the database has been migrated by others than `only`.
 */
export async function migrateWithin(client: PoolClient, only?: readonly string[]): Promise<void> {
  const migrations = readMigrations().filter(({ name }) => only?.includes(name) ?? true);
  while ((await applyNext(client, migrations)) !== undefined);
}

/**
 * Waits for the turn of this transaction, which lasts until it ends, and sees to it that there is a table of what
 * was migrated.
 */
export async function takeMigrationTurn(client: PoolClient): Promise<void> {
  await patiently(
    client,
    `SET LOCAL statement_timeout = ${LONGEST_MS}; SET LOCAL lock_timeout = ${LONGEST_MS};
    SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.migration}); ${MIGRATIONS_TABLE}`,
  );
}

async function applyNext(client: PoolClient, migrations: readonly Migration[]): Promise<string | undefined> {
  const next = pendingOf(migrations, await readRecords(client))[0];
  if (next === undefined) return undefined;
  try {
    await patiently(client, next.sql);
  } catch (error) {
    throw new Error(`migration ${next.name} failed and was rolled back: ${(error as Error).message}`, {
      cause: error,
    });
  }
  await client.query(
    `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
    [randomUUID(), next.checksum, next.name],
  );
  return next.name;
}

async function pendingIn(pool: Pool, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  return pendingOf(migrations, await readMigrationRecords(pool));
}

/** What a database was migrated with. */
export interface MigrationRecord {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

/** The migrations of a database, in their order; none where there never was one. */
export async function readMigrationRecords(
  client: Pick<PoolClient, 'query'>,
): Promise<readonly MigrationRecord[]> {
  const found = await client.query(`SELECT 1 WHERE to_regclass('"_prisma_migrations"') IS NOT NULL`);
  return found.rowCount === 0 ? [] : readRecords(client);
}

async function readRecords(client: Pick<PoolClient, 'query'>): Promise<readonly MigrationRecord[]> {
  const { rows } = await client.query<MigrationRecord>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
     FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return rows;
}

function pendingOf(
  migrations: readonly Migration[],
  records: readonly MigrationRecord[],
): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  const unknown = records.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (unknown.length > 0) {
    throw new MigrationRefused(
      `The database was migrated by a newer version of Gatehouse (${unknown.join(', ')}). ` +
        'Start that version, or restore the backup from before the upgrade.',
    );
  }
  for (const { name, checksum, finished } of records) {
    if (!finished) {
      throw new MigrationRefused(
        `Migration ${name} was begun by another tool and did not finish. Resolve it first.`,
      );
    }
    if (known.get(name)?.checksum !== checksum) {
      throw new MigrationRefused(`Migration ${name} is not the one that the database was migrated with.`);
    }
  }
  const done = new Set(records.map(({ name }) => name));
  return migrations.filter(({ name }) => !done.has(name));
}

/** Runs SQL that may take longer than a request's statement, for as long as the session lets it. */
export function patiently<Row extends QueryResultRow>(
  client: Pick<PoolClient, 'query'>,
  text: string,
): Promise<QueryResult<Row>> {
  return client.query<Row>({ text, query_timeout: LONGEST_MS } as { text: string });
}
