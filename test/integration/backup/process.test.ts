import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCli, startServe } from '../../support/cli.ts';
import { createEmptyDatabase } from '../../support/database.ts';
import { freePort } from '../../support/free-port.ts';

const BIN = fileURLToPath(new URL('../../../src/cli/bin.ts', import.meta.url));

describe('gatehouse backup and restore', () => {
  let cwd: string;
  let key: string;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
    // Started by root, the embedded PostgreSQL runs as somebody else, who has to come in here.
    chmodSync(cwd, 0o755);
    key = randomBytes(32).toString('base64url');
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  const on = (dataDir: string, more: Readonly<Record<string, string>> = {}) => {
    const env = { GATEHOUSE_MASTER_KEY: key, GATEHOUSE_DATA_DIR: join(cwd, dataDir), ...more };
    return (args: readonly string[], stdin?: string) =>
      runCli(args, { cwd, env, ...(stdin === undefined ? {} : { stdin }) });
  };
  const names = () => readdirSync(cwd).sort();

  it('Y10: an installation moves to a new host: embedded to embedded, beside its server', {
    timeout: 120_000,
  }, async () => {
    const port = await freePort();
    const issuer = `http://localhost:${port}`;
    const env = {
      GATEHOUSE_MASTER_KEY: key,
      GATEHOUSE_ISSUER: issuer,
      GATEHOUSE_INTERNAL_LISTEN: '127.0.0.1:0',
      GATEHOUSE_LOG_LEVEL: 'warn',
    };
    const [old, fresh] = [on('old', env), on('new', env)];
    expect((await old(['user', 'add', '--email', 'ada@example.com', '--name', 'Ada', '--totp'])).code).toBe(
      0,
    );
    const server = await startServe(`${issuer}/healthz`, {
      cwd,
      env: { ...env, GATEHOUSE_DATA_DIR: join(cwd, 'old') },
    });
    const backup = await old(['backup', 'all.gz', '--json']);
    expect(backup).toMatchObject({ code: 0, stderr: '' });
    expect(backup.json()).toEqual({
      file: 'all.gz',
      made_at: expect.stringMatching(/Z$/),
      installation: expect.stringMatching(/^ins_/),
      rows: expect.any(Number),
    });
    expect(statSync(join(cwd, 'all.gz')).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(['all.gz', 'old']);

    const beside = await old(['restore', 'all.gz', '--json']);
    expect(beside).toMatchObject({ code: 3, stderr: '' });
    expect(beside.json()).toMatchObject({
      reason: expect.stringMatching(/is running Gatehouse on .*Stop it first/),
    });
    expect(await server.stop()).toBe(0);

    const other = on('other', { ...env, GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url') });
    const refused = await other(['restore', 'all.gz', '--json']);
    expect([refused.code, refused.json()['error']]).toEqual([3, 'master_key_refused']);

    const began = performance.now();
    const restored = await fresh(['restore', 'all.gz', '--json']);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(restored.json()).toMatchObject({ rows: backup.json()['rows'], grant_epoch: 2 });
    const next = await startServe(`${issuer}/healthz`, {
      cwd,
      env: { ...env, GATEHOUSE_DATA_DIR: join(cwd, 'new') },
    });
    expect(performance.now() - began).toBeLessThan(15 * 60_000);

    expect((await fresh(['user', 'list', '--json'])).json()).toMatchObject([{ email: 'ada@example.com' }]);
    const trail = await fresh(['audit', 'list', '--event', 'restore.completed']);
    expect(trail.stdout).toMatch(/restore\.completed +success/);
    const twice = await fresh(['restore', 'all.gz']);
    expect(twice).toMatchObject({ code: 3, stdout: '' });
    expect(await next.stop()).toBe(0);
    expect(await fresh(['restore', 'all.gz', '--json'])).toMatchObject({ code: 1 });
  });

  it('Y10: through pipes, from a PostgreSQL elsewhere to an embedded one and back', {
    timeout: 120_000,
  }, async () => {
    const [first, last] = [await createEmptyDatabase(), await createEmptyDatabase()];
    const from = on('unused', { DATABASE_URL: first.url });
    expect((await from(['user', 'add', '--email', 'ada@example.com', '--name', 'Ada'])).code).toBe(0);
    const pipe = (source: Readonly<Record<string, string>>, target: Readonly<Record<string, string>>) =>
      run(`"$NODE" "$BIN" backup - 2> said | env $TARGET "$NODE" "$BIN" restore - --json`, {
        GATEHOUSE_MASTER_KEY: key,
        ...source,
        TARGET: Object.entries(target)
          .map(([name, value]) => `${name}=${value}`)
          .join(' '),
      });

    const embedded = { DATABASE_URL: '', GATEHOUSE_DATA_DIR: join(cwd, 'embedded') };
    const there = await pipe({ DATABASE_URL: first.url }, embedded);
    expect({ ...there, said: readFileSync(join(cwd, 'said'), 'utf8') }).toMatchObject({
      code: 0,
      said: expect.stringMatching(/^Wrote \d+ rows, .* to standard output\./),
    });
    const back = await pipe(embedded, { DATABASE_URL: last.url });
    expect(back.code).toBe(0);
    expect(JSON.parse(back.stdout)).toMatchObject({ grant_epoch: 3 });
    const people = await on('unused', { DATABASE_URL: last.url })(['user', 'list', '--json']);
    expect(people.json()).toMatchObject([{ email: 'ada@example.com' }]);
    await Promise.all([first.drop(), last.drop()]);
  });

  it('leaves no half file: the one that had the name stays, and a reader that goes away is a failure', async () => {
    const store = await createEmptyDatabase();
    const gatehouse = on('unused', { DATABASE_URL: store.url });
    expect((await gatehouse(['user', 'list'])).code).toBe(0);
    writeFileSync(join(cwd, 'all.gz'), 'the last one');
    const other = on('unused', {
      DATABASE_URL: store.url,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
    });
    expect(await other(['backup', 'all.gz'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('not the one that this store was sealed with'),
    });
    expect(readFileSync(join(cwd, 'all.gz'), 'utf8')).toBe('the last one');
    mkdirSync(join(cwd, 'directory'));
    expect((await gatehouse(['backup', 'directory'])).code).toBe(1);
    expect(names()).toEqual(['all.gz', 'directory']);
    expect((await gatehouse(['backup', 'all.gz'])).code).toBe(0);
    expect(statSync(join(cwd, 'all.gz')).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(['all.gz', 'directory']);

    const cut = await run('set -o pipefail; "$NODE" "$BIN" backup - 2> said | true', {
      GATEHOUSE_MASTER_KEY: key,
      DATABASE_URL: store.url,
    });
    expect(cut.code).toBe(1);
    expect(readFileSync(join(cwd, 'said'), 'utf8')).toMatch(/^Standard output does not take the backup/);
    await store.drop();
  });

  it('does not migrate what it backs up, and makes nothing where nothing is', async () => {
    const store = await createEmptyDatabase();
    const gatehouse = on('unused', { DATABASE_URL: store.url });
    const run = await gatehouse(['backup', 'all.gz', '--json']);
    expect(run).toMatchObject({ code: 1, stderr: '' });
    expect(run.json()).toMatchObject({ reason: expect.stringMatching(/There is nothing to back up/) });
    expect(existsSync(join(cwd, 'all.gz'))).toBe(false);
    expect((await gatehouse(['restore', 'all.gz'])).code).toBe(2);
    expect((await gatehouse(['restore', '-'], 'no backup')).stderr).toMatch(/is no backup of Gatehouse/);
    await store.drop();
  });

  it.each([['backup'], ['restore']])('%s says in its help what the master key is to it', async (command) => {
    const help = await on('unused')([command, '--help']);
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('master key') });
  });

  /** Runs a line of bash, where the project is at `$BIN`. */
  async function run(line: string, env: Readonly<Record<string, string>>) {
    const child = spawn('bash', ['-c', line], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE: process.execPath, BIN, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout };
  }
});
