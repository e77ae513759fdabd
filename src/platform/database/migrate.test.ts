import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { schemaDifference, withEngine } from '../../../scripts/schema-difference.ts';
import { createEmptyDatabase, type EmptyDatabase, openAt, silent } from '../../../test/support/database.ts';
import { MigrationRefused } from './errors.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS_DIRECTORY, readMigrations } from './migrations.ts';
import type { Database } from './open-database.ts';

let empty: EmptyDatabase;
let database: Database;
let pool: Pool;
let directory: string;

beforeEach(async () => {
  empty = await createEmptyDatabase();
  database = await openAt(empty.url, 4);
  pool = database.pool;
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-migrations-'));
});

afterEach(async () => {
  await database.close();
  await empty.drop();
  rmSync(directory, { recursive: true });
});

describe('the migrations of this version', () => {
  it('bring an empty database exactly to prisma/schema', async () => {
    await migrate(pool, { log: silent });
    expect(await schemaDifference(pool)).toBe('');
  });

  it("are recorded so that Prisma's own tools read the database as up to date and unaltered", async () => {
    await migrate(pool, { log: silent });
    const diagnosis = await withEngine(pool, (engine) =>
      engine.diagnoseMigrationHistory({
        migrationsList: {
          baseDir: MIGRATIONS_DIRECTORY,
          lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"' },
          shadowDbInitScript: '',
          migrationDirectories: readMigrations().map(({ name, sql }) => ({
            path: name,
            migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
          })),
        },
        optInToShadowDatabase: false,
        filters: { externalTables: [], externalEnums: [] },
      }),
    );
    expect(diagnosis).toMatchObject({
      hasMigrationsTable: true,
      editedMigrationNames: [],
      failedMigrationNames: [],
      history: null,
    });
  });

  it('leave a difference when one of them is missing, so that the comparison can be believed', async () => {
    await migrate(pool, { log: silent });
    await pool.query('ALTER TABLE users DROP COLUMN name');
    expect(await schemaDifference(pool)).toContain('ADD COLUMN');
  });
});

describe('migrate', () => {
  it('applies what is pending, in order, and records it as Prisma does', async () => {
    write('2_second', 'ALTER TABLE notes ADD COLUMN body text');
    write('1_first', 'CREATE TABLE notes (id int)');

    expect(await migrateHere()).toEqual(['1_first', '2_second']);
    expect(await migrateHere()).toEqual([]);

    const { rows } = await pool.query(
      'SELECT migration_name, checksum, finished_at IS NOT NULL AS finished, applied_steps_count FROM _prisma_migrations ORDER BY 1',
    );
    const checksums = readMigrations(directory).map(({ checksum }) => checksum);
    expect(rows).toEqual([
      { migration_name: '1_first', checksum: checksums[0], finished: true, applied_steps_count: 1 },
      { migration_name: '2_second', checksum: checksums[1], finished: true, applied_steps_count: 1 },
    ]);
  });

  it('Y5: of several nodes that migrate at once, each migration is applied by exactly one', async () => {
    write('1_first', 'CREATE TABLE notes (id int); SELECT pg_sleep(0.2)');
    write('2_second', 'CREATE TABLE more_notes (id int); SELECT pg_sleep(0.2)');
    const others = await Promise.all([openAt(empty.url, 2), openAt(empty.url, 2)]);

    const applied = await Promise.all([migrateHere(), ...others.map((other) => migrateHere(other.pool))]);

    expect(applied.flat().sort()).toEqual(['1_first', '2_second']);
    await Promise.all(others.map((other) => other.close()));
  });

  it('Y5: a migration that is interrupted half-way leaves nothing behind, and the next start completes it', async () => {
    write('1_first', 'CREATE TABLE notes (id int); SELECT pg_sleep(30)');
    const dying = await openAt(empty.url, 1);
    const interrupted = migrateHere(dying.pool).catch((error: unknown) => error);
    await expect.poll(sleepers).toBe(1);

    await pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
    );
    expect(await interrupted).toBeInstanceOf(Error);
    await dying.close();

    const left = await pool.query(
      `SELECT to_regclass('notes') AS notes, to_regclass('_prisma_migrations') AS record`,
    );
    expect(left.rows).toEqual([{ notes: null, record: null }]);
    write('1_first', 'CREATE TABLE notes (id int)');
    expect(await migrateHere()).toEqual(['1_first']);
  });

  it('Y5: a migration that fails is rolled back, names itself, and keeps those before it', async () => {
    write('1_first', 'CREATE TABLE notes (id int)');
    write('2_second', 'CREATE TABLE more_notes (id int); SELECT 1/0');

    await expect(migrateHere()).rejects.toThrow(
      /migration 2_second failed and was rolled back: division by zero/,
    );

    const left = await pool.query(`SELECT to_regclass('more_notes') AS more`);
    expect(left.rows).toEqual([{ more: null }]);
    write('2_second', 'CREATE TABLE more_notes (id int)');
    expect(await migrateHere()).toEqual(['2_second']);
  });

  it('Y5: an older version refuses a database that a newer one migrated', async () => {
    write('1_first', 'CREATE TABLE notes (id int)');
    write('2_second', 'CREATE TABLE more_notes (id int)');
    await migrateHere();
    rmSync(join(directory, '2_second'), { recursive: true });

    const refusal = migrateHere();

    await expect(refusal).rejects.toThrow(MigrationRefused);
    await expect(refusal).rejects.toThrow(/newer version of Gatehouse \(2_second\)/);
  });

  it('Y5: a migration that was altered after it was applied is refused', async () => {
    write('1_first', 'CREATE TABLE notes (id int)');
    await migrateHere();
    write('1_first', 'CREATE TABLE notes (id bigint)');

    await expect(migrateHere()).rejects.toThrow(/1_first is not the one that the database was migrated with/);
  });

  it('accepts a migration whose line ends a checkout has changed', async () => {
    write('1_first', 'CREATE TABLE notes (\n  id int\n)');
    await migrateHere();
    write('1_first', 'CREATE TABLE notes (\r\n  id int\r\n)');

    expect(await migrateHere()).toEqual([]);
  });

  it("refuses to build on another tool's migration that did not finish", async () => {
    write('1_first', 'CREATE TABLE notes (id int)');
    await migrateHere();
    await pool.query('UPDATE _prisma_migrations SET finished_at = NULL');

    await expect(migrateHere()).rejects.toThrow(MigrationRefused);
  });
});

function migrateHere(on: Pool = pool): Promise<readonly string[]> {
  return migrate(on, { log: silent, directory });
}

function write(name: string, sql: string): void {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, name, 'migration.sql'), sql);
}

async function sleepers(): Promise<number | null> {
  const { rowCount } = await pool.query(
    `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
  );
  return rowCount;
}
