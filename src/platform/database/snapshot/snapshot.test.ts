import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  createEmptyDatabase,
  type EmptyDatabase,
  openAt,
  silent,
} from '../../../../test/support/database.ts';
import { migrate } from '../migrate.ts';
import type { Database } from '../open-database.ts';
import { transactionOnce } from '../transaction.ts';
import { countRows, PLAIN_TEXT, readingSnapshot, readRows, readTables, writeRows } from './index.ts';

let empty: [EmptyDatabase, EmptyDatabase];
let source: Database;
let target: Database;

beforeEach(async () => {
  empty = [await createEmptyDatabase(), await createEmptyDatabase()];
  source = await openAt(empty[0].url, 4);
  target = await openAt(empty[1].url, 4);
});

afterEach(async () => {
  await Promise.all([source.close(), target.close()]);
  await Promise.all(empty.map(({ drop }) => drop()));
});

/** Copies every table of `source`, whose tables `target` has too. */
async function copy(): Promise<void> {
  await readingSnapshot(source.pool, (reader) =>
    transactionOnce(target.pool, async (writer) => {
      await writer.query(PLAIN_TEXT);
      for (const table of await readTables(reader)) {
        for await (const rows of readRows(reader, table)) await writeRows(writer, table, rows);
      }
    }),
  );
}

const both = async (sql: string) => {
  await source.pool.query(sql);
  await target.pool.query(sql);
};

/** Every row of a table, in PostgreSQL's own binary form, so that nothing is rounded on the way here. */
async function bytesOf({ pool }: Database, table: string): Promise<readonly unknown[]> {
  const { rows } = await pool.query(`SELECT record_send(t) AS bytes FROM ${table} AS t ORDER BY 1`);
  return rows.map(({ bytes }) => (bytes as Buffer).toString('hex'));
}

describe('a snapshot', () => {
  it('brings every value back as it was, whatever its type and whatever the sessions are set to', async () => {
    await both(`CREATE TABLE "Odd ""names""" (
      id int PRIMARY KEY, "A Column" text, b bytea, ts timestamptz(6), list text[], nested int[][], doc jsonb,
      exact numeric, big bigint, real double precision, day date, span interval, yes boolean, one uuid)`);
    await source.pool.query(`INSERT INTO "Odd ""names""" VALUES
      (1, '', '', 'epoch', '{}', '{}', '{}', 0, 0, 0, 'epoch', '0', true, gen_random_uuid()),
      (2, E'a\\tb\\nc\\\\d"e\\'f,{}[]🦉\\u2028', '\\x00ff5c27220a', '2026-11-21 03:04:05.678901+00', ARRAY['a,b', '"', '\\', '', NULL, 'NULL', E'\\n', '{}'],
       '{{1,2},{3,NULL}}', '{"a": [null, 1.50, "\\u00e9", {"b": 123456789012345678901234567890}]}',
       1234567890.123456789012345678901, 9223372036854775807, 0.1::float8 + 0.2::float8, '4711-01-01 BC', '1 year -2 days 03:04:05.678', false, NULL),
      (3, NULL, NULL, 'infinity', NULL, NULL, 'null', 'NaN', -9223372036854775808, '-Infinity', 'infinity', NULL, NULL, NULL),
      (4, repeat('x', 100000), sha256('x'), '0044-03-15 12:00:00 BC', array_fill('y'::text, '{1000}'), NULL, '"text"', NULL, NULL, 'NaN', NULL, NULL, NULL, NULL)`);
    for (const setting of [
      `datestyle = 'SQL, DMY'`,
      `timezone = 'Asia/Kathmandu'`,
      `bytea_output = 'escape'`,
    ]) {
      await source.pool.query(
        `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ${setting.replaceAll("'", "''")}', current_database()); END $$`,
      );
    }
    await source.close();
    source = await openAt(empty[0].url, 4);
    expect((await source.pool.query('SHOW bytea_output')).rows).toEqual([{ bytea_output: 'escape' }]);

    await copy();

    const there = await bytesOf(target, '"Odd ""names"""');
    expect(there).toHaveLength(4);
    expect(there).toEqual(await bytesOf(source, '"Odd ""names"""'));
  });

  it('reads each table after those that it refers to', async () => {
    await both(`
      CREATE TABLE a_note (id int PRIMARY KEY, author int, reply_to int REFERENCES a_note);
      CREATE TABLE person (id int PRIMARY KEY, team int);
      CREATE TABLE z_team (id int PRIMARY KEY);
      ALTER TABLE a_note ADD FOREIGN KEY (author) REFERENCES person;
      ALTER TABLE person ADD FOREIGN KEY (team) REFERENCES z_team;`);
    await source.pool.query(
      'INSERT INTO z_team VALUES (1); INSERT INTO person VALUES (1, 1); INSERT INTO a_note VALUES (1, 1, 1)',
    );

    expect((await readTables(source.pool)).map(({ name }) => name)).toEqual(['z_team', 'person', 'a_note']);
    await copy();
    expect((await target.pool.query('SELECT * FROM a_note')).rows).toEqual([
      { id: 1, author: 1, reply_to: 1 },
    ]);

    await source.pool.query('ALTER TABLE z_team ADD COLUMN best int REFERENCES a_note');
    await expect(readTables(source.pool)).rejects.toThrow('refer to each other');
  });

  it('is of one moment, however long it is read and whatever is written meanwhile', async () => {
    await both('CREATE TABLE notes (id int PRIMARY KEY, body text)');
    await source.pool.query(
      `INSERT INTO notes SELECT n, repeat('x', 100) FROM generate_series(1, 2000) AS n`,
    );

    const [seen, counted] = await readingSnapshot(source.pool, async (client) => {
      const [table] = await readTables(client);
      if (!table) throw new Error('there is no table');
      const read: string[] = [];
      const before = await countRows(client, table);
      for await (const rows of readRows(client, table)) {
        await source.pool.query(`UPDATE notes SET body = 'later'; DELETE FROM notes WHERE id > 1000;
          INSERT INTO notes SELECT max(id) + 10000, 'new' FROM notes`);
        read.push(...rows);
      }
      expect(await countRows(client, table)).toBe(before);
      return [read, before];
    });

    expect(counted).toBe(2000);
    expect(seen).toHaveLength(2000);
    expect(seen.join()).not.toMatch(/later|new/);
  });

  it('reads only', async () => {
    await source.pool.query('CREATE TABLE notes (id int)');
    await expect(
      readingSnapshot(source.pool, (client) => client.query('INSERT INTO notes VALUES (1)')),
    ).rejects.toThrow('read-only');
  });

  it('lets migrations wait, but no start that has nothing to migrate, and leaves no lock behind', async () => {
    await migrate(source.pool, { log: silent });
    let migrated: Promise<unknown> | undefined;
    await readingSnapshot(source.pool, async () => {
      expect(await migrate(source.pool, { log: silent })).toEqual([]);
      await source.pool.query(
        'DELETE FROM _prisma_migrations WHERE migration_name = (SELECT min(migration_name) FROM _prisma_migrations)',
      );
      migrated = migrate(source.pool, { log: silent }).catch((error: Error) => error.message);
      await expect
        .poll(
          async () =>
            (await source.pool.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`))
              .rowCount,
        )
        .toBeGreaterThan(0);
    });
    // It is applied for the second time, which it refuses: what matters is that its turn came.
    expect(await migrated).toMatch(/failed and was rolled back/);
  });
});
