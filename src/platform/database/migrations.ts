import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step of the schema: a folder under prisma/migrations with its migration.sql. */
export interface Migration {
  /** `<timestamp>_<name>`; migrations apply in the order of their names. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the SQL, in hexadecimal, as Prisma computes it. */
  readonly checksum: string;
}

/** The migrations of this version. */
export const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', '..', 'prisma', 'migrations');

/** Reads all migrations of a directory, oldest first. */
export function readMigrations(directory: string = MIGRATIONS_DIRECTORY): readonly Migration[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => readMigration(directory, name));
}

function readMigration(directory: string, name: string): Migration {
  // A checkout may have changed the line ends; the checksum is of the migration as it was written.
  const sql = readFileSync(join(directory, name, 'migration.sql'), 'utf8').replaceAll('\r\n', '\n');
  return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}
