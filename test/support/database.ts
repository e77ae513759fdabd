import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Logger, pino } from 'pino';
import { inject } from 'vitest';

import { type Database, migrate, openDatabase } from '../../src/platform/database/index.ts';
import { readMigrations } from '../../src/platform/database/migrations.ts';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes the database and removes it. */
  drop(): Promise<void>;
}

export interface EmptyDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** For tests that do not look at the log. */
export const silent: Logger = pino({ level: 'silent' });

/** Only one process at a time makes the template. */
const TEMPLATE_LOCK = 4_610_001;

/**
 * A database of a test file's own, migrated and empty. It is a copy of a template, so it takes milliseconds.
 *
 *     const { database, drop } = await createTestDatabase();
 *     afterAll(drop);
 */
export async function createTestDatabase(options: { poolSize?: number } = {}): Promise<TestDatabase> {
  const template = await administer(ensureTemplate);
  const { url, drop } = await createDatabase(`TEMPLATE ${template}`);
  const database = await openAt(url, options.poolSize ?? 10);
  return {
    url,
    database,
    async drop() {
      await database.close();
      await drop();
    },
  };
}

/** A database without any table, for tests of the migrations themselves. */
export function createEmptyDatabase(): Promise<EmptyDatabase> {
  return createDatabase('');
}

/** Opens a database by URL, with a log that says nothing. */
export function openAt(url: string, poolSize: number): Promise<Database> {
  return openDatabase({ url, dataDir: '', poolSize, log: silent, mode: 'join' });
}

async function createDatabase(clause: string): Promise<EmptyDatabase> {
  const name = `gatehouse_test_${randomBytes(8).toString('hex')}`;
  await administer(async (session) => {
    await session.query(`CREATE DATABASE ${name} ${clause}`);
    // A PostgreSQL of somebody else's waits for its disk at each commit; what a test commits need not outlive a power failure.
    await session.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  });
  return {
    url: urlOf(name),
    drop: () =>
      administer(
        async (session) => void (await session.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
      ),
  };
}

/** Makes the migrated template if this server has none for these migrations; gives its name. */
async function ensureTemplate(session: pg.Client): Promise<string> {
  const hash = createHash('sha256');
  for (const migration of readMigrations()) hash.update(`${migration.name}\0${migration.checksum}\0`);
  const name = `gatehouse_template_${hash.digest('hex').slice(0, 16)}`;
  await session.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  const found = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  if (found.rowCount === 0) {
    const draft = `${name}_draft`;
    await session.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await session.query(`CREATE DATABASE ${draft}`);
    const database = await openAt(urlOf(draft), 1);
    try {
      await migrate(database.pool, { log: silent });
    } finally {
      await database.close();
    }
    await session.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
  }
  return name;
}

async function administer<T>(work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: inject('databaseUrl') });
  await session.connect();
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

function urlOf(database: string): string {
  return inject('databaseUrl').replace(/^(\w+:\/\/[^/]*)\/[^?]*/, `$1/${database}`);
}
