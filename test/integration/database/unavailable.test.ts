import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  type Database,
  isStoreUnavailable,
  migrate,
  openDatabase,
  StoreUnavailable,
  transaction,
} from '../../../src/platform/database/index.ts';
import { createTestDatabase, openAt, silent, type TestDatabase } from '../../support/database.ts';

describe('a store that does not serve', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await createTestDatabase({ poolSize: 2 });
  });

  afterAll(() => test.drop());

  it('Y7: a pool with no connection left fails within its time and is the store being unavailable', async () => {
    const small = await openDatabase({
      ...{ url: test.url, dataDir: '', poolSize: 1, log: silent, mode: 'join' },
      connectTimeoutMs: 200,
    });
    const held = await small.pool.connect();
    const refusals = await refusalsOf(small);

    expect(refusals.map(isStoreUnavailable)).toEqual([true, true, true, true, true]);
    held.release();
    await expect(small.prisma.user.count()).resolves.toBe(0);
    await small.close();
  });

  it('a session that the server ends is the store being unavailable, for pg and for Prisma, and only once', async () => {
    const { pool, prisma } = test.database;
    const kill = 'SELECT pg_terminate_backend(pg_backend_pid())';
    for (const attempt of [pool.query(kill), prisma.$queryRawUnsafe(kill)]) {
      expect(isStoreUnavailable(await attempt.catch((error: unknown) => error))).toBe(true);
    }
    await expect(pool.query('SELECT 1')).resolves.toBeDefined();
    await expect(prisma.user.count()).resolves.toBe(0);
  });

  it.each([
    ['57014', 'a statement that ran into its timeout'],
    ['55P03', 'a lock that was not to be had'],
    ['40P01', 'a deadlock'],
    ['53300', 'too many connections'],
    ['25006', 'a primary that became a replica'],
    ['58030', 'a disk that fails'],
  ])('%s, %s, is the store being unavailable, for pg and for Prisma', async (state) => {
    const { pool, prisma } = test.database;
    const raise = `DO $$ BEGIN RAISE SQLSTATE '${state}'; END $$`;
    for (const attempt of [pool.query(raise), prisma.$executeRawUnsafe(raise)]) {
      expect(isStoreUnavailable(await attempt.catch((error: unknown) => error))).toBe(true);
    }
  });

  it('what the database refuses for good is not the store being unavailable', async () => {
    const { pool, prisma } = test.database;
    await prisma.user.create({ data: { id: 'usr_1', email: 'a@example.org', name: 'A' } });
    const refusals = await Promise.all([
      pool.query('SELECT * FROM nowhere').catch((error: unknown) => error),
      pool
        .query(`INSERT INTO users (id, email, name) VALUES ('usr_1', 'b', 'B')`)
        .catch((error: unknown) => error),
      prisma.user
        .create({ data: { id: 'usr_2', email: 'a@example.org', name: 'A' } })
        .catch((error: unknown) => error),
      prisma.user.update({ where: { id: 'usr_3' }, data: { name: 'C' } }).catch((error: unknown) => error),
    ]);
    for (const refusal of refusals) expect(refusal).toBeInstanceOf(Error);
    expect(refusals.map(isStoreUnavailable)).toEqual([false, false, false, false]);
    expect(isStoreUnavailable(new TypeError('a mistake of ours'))).toBe(false);
    expect(isStoreUnavailable(undefined)).toBe(false);
  });

  it('a URL that nobody answers is the store being unavailable', async () => {
    const nobody = await openAt('postgresql://gatehouse:secret@127.0.0.1:9/gatehouse', 2);
    expect((await refusalsOf(nobody)).map(isStoreUnavailable)).toEqual([true, true, true, true, true]);
    expect(nobody.location).toBe('127.0.0.1:9/gatehouse');
    await nobody.close();
  });

  it('a socket that is not there is the store being unavailable', async () => {
    const nobody = await openAt(`postgresql://gatehouse@/gatehouse?host=${tmpdir()}/nowhere`, 2);
    expect((await refusalsOf(nobody)).map(isStoreUnavailable)).toEqual([true, true, true, true, true]);
    await nobody.close();
  });
});

describe('a PostgreSQL that goes away and comes back', () => {
  let parent: string;
  let dataDir: string;

  beforeAll(() => {
    parent = mkdtempSync(join(tmpdir(), 'gatehouse-away-'));
    chmodSync(parent, 0o755);
    dataDir = join(parent, 'data');
  });

  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  it('is unavailable in between, crashes nobody, and is used again without a restart', async () => {
    const first = await open();
    await migrate(first.pool, { log: silent });
    await first.prisma.user.create({ data: { id: 'usr_1', email: 'a@example.org', name: 'A' } });
    const { pid } = postmaster();

    const running = first.pool.query('SELECT pg_sleep(20)').catch((error: unknown) => error);
    process.kill(pid, 'SIGKILL');
    expect(isStoreUnavailable(await running)).toBe(true);
    expect((await refusalsOf(first)).map(isStoreUnavailable)).toEqual([true, true, true, true, true]);

    const second = await open();
    await expect(first.prisma.user.count()).resolves.toBe(1);
    expect((await first.pool.query('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 1 }]);
    await first.close();
    await second.close();
  });

  it('Y7: a PostgreSQL that hangs costs a request its time limit and no more', async () => {
    const database = await openDatabase({
      dataDir,
      poolSize: 2,
      log: silent,
      mode: 'join',
      connectTimeoutMs: 300,
    });
    await database.pool.query('SELECT 1');
    const { pid } = postmaster();
    process.kill(pid, 'SIGSTOP');
    try {
      const refusals = await Promise.all([fresh(database), fresh(database)]);
      expect(refusals.filter(isStoreUnavailable).length).toBeGreaterThan(0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await database.close();
  });

  it('Y7: a session that falls silent in the middle of a transaction is given up, and its place in the pool is free', async () => {
    const database = await openDatabase({
      ...{ dataDir, poolSize: 1, log: silent, mode: 'join' },
      statementTimeoutMs: 200,
    });
    let session = 0;
    const attempt = transaction(database.pool, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      session = rows[0]?.pid ?? 0;
      process.kill(session, 'SIGSTOP');
      await client.query('SELECT 1');
    });
    await expect(attempt).rejects.toThrow(StoreUnavailable);
    await expect(database.pool.query('SELECT 1')).resolves.toBeDefined();
    process.kill(session, 'SIGCONT');
    await database.close();
  });

  function open(): Promise<Database> {
    return openDatabase({ dataDir, poolSize: 2, log: silent, mode: 'join' });
  }

  function postmaster(): { readonly pid: number } {
    return { pid: Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]) };
  }
});

/** What each way of asking fails with. */
function refusalsOf({ pool, prisma }: Database): Promise<readonly unknown[]> {
  return Promise.all([
    pool.query('SELECT 1').catch((error: unknown) => error),
    prisma.user.count().catch((error: unknown) => error),
    prisma.$transaction(async (tx) => tx.user.count()).catch((error: unknown) => error),
    prisma.$queryRaw`SELECT 1`.catch((error: unknown) => error),
    prisma.$executeRaw`SELECT 1`.catch((error: unknown) => error),
  ]);
}

/** Asks over a connection of its own, which nobody else has. */
async function fresh({ pool }: Database): Promise<unknown> {
  try {
    const client = await pool.connect();
    await client.query('SELECT pg_sleep(0.5)');
    client.release();
    return undefined;
  } catch (error) {
    return error;
  }
}
