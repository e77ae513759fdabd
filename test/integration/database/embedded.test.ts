import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { isAlive } from '../../../src/platform/database/embedded/processes.ts';
import { type Database, DataDirectoryInUse, openDatabase } from '../../../src/platform/database/index.ts';
import { silent } from '../../support/database.ts';

const asRoot = process.getuid?.() === 0;

/** A data directory as a first start leaves it, to be copied by every test that is not about the first start. */
let template: string;
let parent: string;
let dataDir: string;
let toClose: Database[] = [];
let toKill: ChildProcess[] = [];

beforeAll(async () => {
  template = makeParent();
  dataDir = join(template, 'data');
  await (await open('own')).close();
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

beforeEach(() => {
  parent = makeParent();
  execFileSync('cp', ['-a', join(template, 'data'), parent]);
  dataDir = join(parent, 'data');
  toClose = [];
  toKill = [];
});

afterEach(async () => {
  for (const child of toKill) child.kill('SIGKILL');
  await Promise.all(toClose.map((database) => database.close()));
  // Whatever server a killed process left is taken over once more, to be stopped.
  if (existsSync(join(dataDir, 'postgres', 'postmaster.pid'))) await (await open('join')).close();
  rmSync(parent, { recursive: true, force: true });
});

describe('the embedded PostgreSQL', () => {
  it('keeps the data over a restart, writes durably, and is gone when it was closed', async () => {
    dataDir = join(parent, 'new');
    const first = await open('own');
    await first.pool.query('CREATE TABLE notes AS SELECT 1 AS id');
    const { rows } = await first.pool.query(
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
              current_setting('listen_addresses') AS addresses, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super`,
    );
    expect(rows).toEqual([{ fsync: 'on', commit: 'on', addresses: '', super: false }]);
    const pid = postmasterPid();
    await first.close();
    expect(isAlive(pid)).toBe(false);

    const second = await open('own');
    expect((await second.pool.query('SELECT id FROM notes')).rows).toEqual([{ id: 1 }]);
  });

  it('Y1: has every commit on the disk before it says so, and no file can switch that off', async () => {
    appendFileSync(
      join(dataDir, 'postgres', 'postgresql.auto.conf'),
      'fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n',
    );
    const { pool } = await open('own');
    const { rows } = await pool.query(
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums') ORDER BY name`,
    );
    expect(rows).toEqual([
      { name: 'data_checksums', setting: 'on' },
      { name: 'fsync', setting: 'on' },
      { name: 'full_page_writes', setting: 'on' },
      { name: 'synchronous_commit', setting: 'on' },
    ]);

    const client = await pool.connect();
    await client.query('CREATE TABLE notes (id int)');
    const syncs = async () => {
      await client.query('SELECT pg_stat_force_next_flush()');
      const counted = await client.query<{ n: string }>('SELECT wal_sync AS n FROM pg_stat_wal');
      return Number(counted.rows[0]?.n);
    };
    const before = await syncs();
    for (let n = 0; n < 50; n += 1) await client.query('INSERT INTO notes VALUES ($1)', [n]);
    expect((await syncs()) - before).toBeGreaterThanOrEqual(50);
    client.release();
  });

  it('can be opened where the path is far too long for a socket, and lets nobody else to its socket', async () => {
    dataDir = join(parent, 'a-directory-with-a-long-name'.repeat(4), 'and "more", of it');
    const database = await open('own');
    await database.pool.query('SELECT 1');
    const sockets = readPidFile()[4] ?? '';
    expect(Buffer.byteLength(sockets)).toBeLessThan(90);
    expect(statSync(sockets).mode & 0o077).toBe(0);
    await database.close();
    rmSync(sockets, { recursive: true });
    rmSync(parent, { recursive: true });
  });

  it.runIf(asRoot)('runs as an unprivileged user when Gatehouse runs as root', async () => {
    await open('own');
    expect(uidOf(postmasterPid())).not.toBe(0);
  });

  it.runIf(asRoot)(
    'goes where that user can reach it when the project is out of its reach, and says where',
    async () => {
      chmodSync(parent, 0o700);
      const database = await open('own');
      const home = /^(\/var\/lib\/gatehouse\/[0-9a-f]{12})\/postgres/.exec(database.location)?.[1] ?? '';
      expect(home).not.toBe('');
      await database.pool.query('CREATE TABLE notes AS SELECT 1 AS id');
      await database.close();

      const again = await open('own');
      expect((await again.pool.query('SELECT id FROM notes')).rows).toEqual([{ id: 1 }]);
      await again.close();
      rmSync(home, { recursive: true });
      rmSync(parent, { recursive: true });
    },
  );

  it('is not ended by Ctrl-C in the terminal of the process that started it', async () => {
    const owner = await start('own');
    process.kill(-(owner.child.pid ?? 0), 'SIGINT');
    expect(await owner.next()).toEqual({ answered: true });
  });
});

describe('the owner of a data directory', () => {
  it('Y1: a second process is refused while the first one runs, and told which and what to do', async () => {
    const owner = await start('own');

    const refusal = open('own');

    await expect(refusal).rejects.toThrow(DataDirectoryInUse);
    await expect(refusal).rejects.toThrow(new RegExp(`Process ${owner.child.pid} .*GATEHOUSE_DATA_DIR`));
  });

  it('Y1: the lock in the database refuses a second owner even when the note about the first is lost', async () => {
    const owner = await start('own');
    rmSync(join(dataDir, 'owner.json'));

    await expect(open('own')).rejects.toThrow(`Process ${owner.child.pid} `);
  });

  it('Y1: of two processes that make the first start together, one owns the directory and the other is refused', async () => {
    dataDir = join(parent, 'new');
    const both = await Promise.allSettled([start('own'), start('own')]);

    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toHaveProperty(
      'reason.message',
      expect.stringMatching(/DataDirectoryInUse/),
    );
  });

  it('Y1: after kill -9 the next start comes at once, takes the server over and has every committed row', async () => {
    const owner = await start('own');
    const beside = await open('join');
    await beside.pool.query('CREATE TABLE notes AS SELECT 1 AS id');
    await beside.close();
    const pid = postmasterPid();
    await kill(owner.child);

    const next = await open('own');

    expect(postmasterPid()).toBe(pid);
    expect((await next.pool.query('SELECT id FROM notes')).rows).toEqual([{ id: 1 }]);
  });

  it('Y1: after kill -9 of everything, PostgreSQL too, the next start recovers every committed row', async () => {
    const owner = await start('own');
    const beside = await open('join');
    await beside.pool.query('CREATE TABLE notes AS SELECT generate_series(1, 1000) AS id');
    process.kill(postmasterPid(), 'SIGKILL');
    await kill(owner.child);
    await beside.close();

    const next = await open('own');

    expect((await next.pool.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 1000 }]);
  });

  it('Y1: a note of an owner whose process number now belongs to another does not stand in the way', async () => {
    await (await open('own')).close();
    writeFileSync(
      join(dataDir, 'owner.json'),
      JSON.stringify({ pid: process.ppid, started: 'before this boot' }),
    );

    await expect(open('own')).resolves.toBeDefined();
  });

  it('starts PostgreSQL again when it dies, and its pool recovers by itself', async () => {
    const database = await open('own');
    await database.pool.query('CREATE TABLE notes AS SELECT 1 AS id');
    process.kill(postmasterPid(), 'SIGKILL');

    await expect
      .poll(
        () =>
          database.pool.query('SELECT id FROM notes').then(
            ({ rows }) => rows,
            () => 'down',
          ),
        { timeout: 10_000 },
      )
      .toEqual([{ id: 1 }]);
    // For another process the owner's note keeps the place until the lock is taken anew; within one, only the lock counts.
    const owners = `SELECT count(*)::int AS owners FROM pg_stat_activity WHERE application_name LIKE 'gatehouse own %'`;
    await expect
      .poll(async () => (await database.pool.query(owners)).rows, { timeout: 10_000 })
      .toEqual([{ owners: 1 }]);
    await expect(open('own')).rejects.toThrow(DataDirectoryInUse);
  });
});

describe('a command beside a server, or alone', () => {
  it('joins the running PostgreSQL and leaves it running', async () => {
    const server = await open('own');
    const command = await open('join');
    const pid = postmasterPid();
    await command.pool.query('CREATE TABLE notes AS SELECT 1 AS id');
    await command.close();

    expect(postmasterPid()).toBe(pid);
    expect((await server.pool.query('SELECT id FROM notes')).rows).toEqual([{ id: 1 }]);
  });

  it('starts PostgreSQL where none runs, and stops it again', async () => {
    dataDir = join(parent, 'new');
    const command = await open('join');
    const pid = postmasterPid();
    await command.close();
    expect(isAlive(pid)).toBe(false);
  });

  it('lets a server own the directory that it uses, and then leaves that server alone', async () => {
    const command = await open('join');
    const server = await open('own');
    await command.close();
    expect((await server.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('keeps PostgreSQL when the server leaves first, and stops it as the last one', async () => {
    const server = await open('own');
    const command = await open('join');
    const pid = postmasterPid();
    await server.close();
    expect((await command.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await command.close();
    expect(isAlive(pid)).toBe(false);
  });

  it('can come and go many at a time', async () => {
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const command = await open('join');
        await command.pool.query('SELECT 1');
        await command.close();
      }),
    );
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  });
});

/** A directory that an unprivileged PostgreSQL can come into. */
function makeParent(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-embedded-'));
  chmodSync(directory, 0o755);
  return directory;
}

async function open(mode: 'own' | 'join'): Promise<Database> {
  const database = await openDatabase({ dataDir, poolSize: 3, log: silent, mode });
  toClose.push(database);
  return database;
}

interface Running {
  readonly child: ChildProcess;
  /** The next thing that the process says. */
  next(): Promise<unknown>;
}

/** Starts a process of its own process group on the data directory; rejects with what it says when it is refused. */
async function start(mode: 'own' | 'join'): Promise<Running> {
  const script = join(import.meta.dirname, '..', '..', 'support', 'database-process.ts');
  const child = spawn(process.execPath, [script, dataDir, mode], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  toKill.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? 'null');
  const first = await next();
  if ((first as { open?: boolean } | null)?.open !== true) throw new Error(JSON.stringify(first));
  return { child, next };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function postmasterPid(): number {
  return Number(readPidFile()[0]);
}

/** Pid, directory, start, port, socket directory, address, shared memory, state. */
function readPidFile(): readonly string[] {
  return readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
}

function uidOf(pid: number): number {
  return statSync(`/proc/${pid}`).uid;
}
