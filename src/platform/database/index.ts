/**
 * The store: PostgreSQL, the only source of truth of an installation.
 *
 * Owns the connection (one pool, used by Prisma and by prepared statements alike), the PostgreSQL of our own that
 * runs where no other was named, the migrations, and the question whether a failure means "not now".
 *
 *     DATABASE_URL ──────────────────────────────┐
 *                                                ├──▶ pool ──▶ Prisma, prepared statements
 *     data directory ──▶ embedded PostgreSQL ────┘
 *
 * The embedded server is a process beside ours. It survives our death and is taken over by the next start; who
 * may use and who may stop it is decided by session locks inside it (embedded/guard.ts).
 *
 * Does not own: the schema (prisma/schema), the statements (each domain folder's store.ts), retention.
 */

export { ADVISORY_LOCKS } from './advisory-locks.ts';
export { isEmbeddedPostgresRunning } from './embedded/running.ts';
export { startEmbeddedPostgres } from './embedded/start.ts';
export {
  DataDirectoryInUse,
  EmbeddedPostgresFailed,
  isStoreUnavailable,
  MigrationRefused,
  StoreUnavailable,
} from './errors.ts';
export type { PrismaClient } from './generated/client.ts';
export {
  type MigrateOptions,
  type MigrationRecord,
  migrate,
  migrateWithin,
  patiently,
  readMigrationRecords,
  takeMigrationTurn,
} from './migrate.ts';
export { readMigrations } from './migrations.ts';
export { type Database, type DatabaseOptions, openDatabase } from './open-database.ts';
export {
  BATCH,
  countRows,
  PLAIN_TEXT,
  readingSnapshot,
  readRows,
  readTables,
  type Table,
  writeRows,
} from './snapshot/index.ts';
export { runStatement } from './statement.ts';
export { transaction, transactionOnce } from './transaction.ts';
