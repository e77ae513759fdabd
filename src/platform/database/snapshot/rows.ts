import type { PoolClient } from 'pg';

import { patiently } from '../migrate.ts';
import { quoted, type Table } from './tables.ts';

/** Rows that are in memory at one time. */
export const BATCH = 500;

/** The text of a value is the same for every reader and writer, whatever the server's settings. */
export const PLAIN_TEXT = `
  SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';
  SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1`;

/**
 * All rows of a table, in batches, each row as the text of a JSON array: PostgreSQL's own text of every value
 * in the order of the columns, or null. It is exact for every type and is never read as numbers or dates here.
 */
export async function* readRows(client: PoolClient, table: Table): AsyncGenerator<readonly string[]> {
  const values = table.columns.map(({ name }) => `${quoted(name)}::text`).join(', ');
  await client.query(
    `DECLARE snapshot NO SCROLL CURSOR FOR SELECT json_build_array(${values})::text AS row FROM ${quoted(table.name)}`,
  );
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH ${BATCH} FROM snapshot`);
    if (rows.length === 0) break;
    yield rows.map(({ row }) => row);
  }
  await client.query('CLOSE snapshot');
}

/** Writes rows as `readRows` gave them. */
export async function writeRows(client: PoolClient, table: Table, rows: readonly string[]): Promise<void> {
  if (rows.length === 0) return;
  const names = table.columns.map(({ name }) => quoted(name)).join(', ');
  const values = table.columns.map(({ type }, index) => `(r ->> ${index})::${type}`).join(', ');
  await client.query(
    `INSERT INTO ${quoted(table.name)} (${names}) SELECT ${values} FROM json_array_elements($1::json) AS r`,
    [`[${rows.join(',')}]`],
  );
}

/** How many rows a table has. */
export async function countRows(client: PoolClient, table: Table): Promise<number> {
  const { rows } = await patiently<{ count: string }>(client, `SELECT count(*) FROM ${quoted(table.name)}`);
  return Number(rows[0]?.count);
}
