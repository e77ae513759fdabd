/**
 * Writes the next migration: what prisma/schema has and prisma/migrations do not yet say.
 *
 *     node scripts/new-migration.ts add_agents
 *
 * It applies the migrations to a scratch database, compares, and writes
 * prisma/migrations/<UTC timestamp>_<name>/migration.sql, to be read and completed by hand before it lands.
 */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { migrate, openDatabase } from '../src/platform/database/index.ts';
import { MIGRATIONS_DIRECTORY } from '../src/platform/database/migrations.ts';
import { schemaDifference } from './schema-difference.ts';

const name = process.argv[2];
if (name === undefined || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('usage: node scripts/new-migration.ts NAME   (lower case, digits and _)');
  process.exit(2);
}

const sql = await difference();
if (sql === '') {
  console.log('prisma/schema and prisma/migrations agree; there is nothing to write.');
} else {
  const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const directory = join(MIGRATIONS_DIRECTORY, `${timestamp}_${name}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'migration.sql'), `${sql}\n`);
  console.log(join(directory, 'migration.sql'));
}

async function difference(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-scratch-'));
  // Started by root, PostgreSQL runs as somebody else, who has to come in here.
  chmodSync(dataDir, 0o755);
  const log = pino({ level: 'warn' });
  try {
    const scratch = await openDatabase({ dataDir, poolSize: 4, log, mode: 'own' });
    try {
      await migrate(scratch.pool, { log });
      return await schemaDifference(scratch.pool);
    } finally {
      await scratch.close();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
