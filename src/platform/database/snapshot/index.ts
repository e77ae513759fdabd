/**
 * The whole store as rows, and back, through the server: the embedded PostgreSQL comes without `pg_dump`.
 *
 *     readingSnapshot ──▶ readTables ──▶ readRows ──▶ text of every value ──▶ writeRows
 *
 * Knows tables and types from PostgreSQL's catalogue, so it needs no change when the schema has one.
 *
 * Does not own: what a backup looks like, what must be true before it is put back, and what dies then.
 */

export { BATCH, countRows, PLAIN_TEXT, readRows, writeRows } from './rows.ts';
export { readingSnapshot } from './snapshot.ts';
export { readTables, type Table } from './tables.ts';
