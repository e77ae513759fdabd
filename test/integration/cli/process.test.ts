import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCli, startServe } from '../../support/cli.ts';
import { createEmptyDatabase } from '../../support/database.ts';
import { freePort } from '../../support/free-port.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const KEY = randomBytes(32).toString('base64url');
/** Nothing listens on port 1. */
const NOWHERE = 'postgres://postgres@127.0.0.1:1/gatehouse';

describe('gatehouse as a process', () => {
  let cwd: string;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
    // Started by root, the embedded PostgreSQL runs as somebody else, who has to come in here.
    chmodSync(cwd, 0o755);
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  it.each([
    ['no command', []],
    ['a group alone', ['user']],
    ['an unknown command', ['user', 'invent']],
    ['an unknown option', ['user', 'list', '--frob']],
    ['a missing option', ['user', 'add', '--name', 'Ada']],
    [
      'an unknown trust level',
      ['client', 'add', '--name', 'A', '--redirect-uri', 'https://a.example/', '--trust', 'full'],
    ],
    [
      'a scope without a sentence',
      ['resource', 'add', '--identifier', 'https://a.example/mcp', '--name', 'A', '--scope', 'a'],
    ],
    ['a time that is none', ['audit', 'list', '--since', 'yesterday']],
    ['an unknown event', ['audit', 'list', '--event', 'user.invented']],
    [
      'a file that is not there',
      [
        'resource',
        'add',
        '--identifier',
        'https://a.example/mcp',
        '--name',
        'A',
        '--scope',
        'a=A',
        '--tools',
        'absent',
      ],
    ],
  ])('answers %s with exit code 2 and without touching the store', async (_what, args) => {
    const run = await runCli([...args, '--json'], {
      cwd,
      env: { DATABASE_URL: NOWHERE, GATEHOUSE_MASTER_KEY: KEY },
    });
    expect(run).toMatchObject({ code: 2, stderr: '' });
    expect(run.json()).toEqual({ error: 'usage', reason: expect.stringMatching(/./) });
  });

  it.each([
    [
      ['client', 'add', '--name', 'A', '--redirect-url', 'https://a.example/cb'],
      '--redirect-url',
      '--redirect-uri',
    ],
    [['user', 'ad', '--email', 'ada@example.com'], 'ad', 'add'],
    [['usr', 'list'], 'usr', 'user'],
    [['--verison'], '--verison', '--version'],
  ])('NEW-16: gatehouse %s names the mistyped word %s and suggests %s', async (args, wrong, right) => {
    const run = await runCli(args, { cwd, env: {} });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(`'${wrong}'`);
    expect(run.stderr).toContain(`Did you mean ${right}?`);
    expect(run.stderr).not.toContain('required option');
  });

  it('reports every fault of the configuration at once', async () => {
    const run = await runCli(['user', 'list', '--json'], {
      cwd,
      env: { GATEHOUSE_MASTER_KEY: 'short', GATEHOUSE_ISSUER: 'http://auth.example.com' },
    });
    expect(run.code).toBe(2);
    expect(run.json()).toMatchObject({ error: 'configuration' });
    expect(run.stdout).toMatch(/GATEHOUSE_ISSUER.*GATEHOUSE_MASTER_KEY/s);
  });

  it('G6: serve refuses to start in production with the key of development', async () => {
    writeFileSync(join(cwd, '.env'), 'GATEHOUSE_ISSUER=https://auth.example.com\nNODE_ENV=production\n');
    const run = await runCli(['serve'], { cwd, env: { DATABASE_URL: NOWHERE } });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('production needs a master key');
  });

  it('answers exit code 3 when there is no store, also for the server', async () => {
    const env = { DATABASE_URL: NOWHERE, GATEHOUSE_MASTER_KEY: KEY };
    const list = await runCli(['user', 'list', '--json'], { cwd, env });
    expect(list.code).toBe(3);
    expect(list.json()).toEqual({ error: 'not_available', reason: expect.stringContaining('ECONNREFUSED') });
    const serve = await runCli(['serve'], { cwd, env: { ...env, GATEHOUSE_LOG_LEVEL: 'silent' } });
    expect(serve).toMatchObject({ code: 3, stdout: '' });
  });

  it('migrates an empty database by itself', async () => {
    const { url, drop } = await createEmptyDatabase();
    try {
      const run = await runCli(['user', 'list', '--json'], {
        cwd,
        env: { DATABASE_URL: url, GATEHOUSE_MASTER_KEY: KEY },
      });
      expect(run).toMatchObject({ code: 0, stderr: '', stdout: '[]\n' });
    } finally {
      await drop();
    }
  });

  it('without a server starts the embedded PostgreSQL, keeps what it wrote, and leaves nothing running', async () => {
    const env = { GATEHOUSE_MASTER_KEY: KEY };
    const add = await runCli(['user', 'add', '--email', 'ada@example.com', '--name', 'Ada', '--json'], {
      cwd,
      env,
    });
    expect(add).toMatchObject({ code: 0, stderr: '' });
    const list = await runCli(['user', 'list', '--json'], { cwd, env });
    expect(list.json<object[]>()).toMatchObject([{ email: 'ada@example.com' }]);
    const files = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).map((file) => basename(file));
    expect(files).toContain('PG_VERSION');
    expect(files).not.toContain('postmaster.pid');
  }, 60_000);

  it('works beside a running server on the same embedded store, and the server stops cleanly', async () => {
    const [port, internal] = [await freePort(), await freePort()];
    const issuer = `http://localhost:${port}`;
    const env = {
      GATEHOUSE_MASTER_KEY: KEY,
      GATEHOUSE_ISSUER: issuer,
      GATEHOUSE_LISTEN: `127.0.0.1:${port}`,
      GATEHOUSE_INTERNAL_LISTEN: `127.0.0.1:${internal}`,
    };
    const server = await startServe(`http://127.0.0.1:${internal}/readyz`, { cwd, env });
    try {
      const published = async () =>
        (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] };
      const before = (await published()).keys.map(({ kid }) => kid);
      const rotated = (await runCli(['keys', 'rotate', '--json'], { cwd, env })).json<{ kid: string }>();
      await expect
        .poll(async () => (await published()).keys.map(({ kid }) => kid), { timeout: 3_000 })
        .toEqual([rotated.kid, ...before]);

      const second = await runCli(['serve'], { cwd, env });
      expect(second).toMatchObject({ code: 3, stdout: '' });
      expect(second.stderr).toContain('is running Gatehouse');
    } finally {
      expect(await server.stop()).toBe(0);
    }
  }, 60_000);

  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'NEW-6: a server that npm started drains when npm ends by %s',
    async (signal) => {
      const [port, internal] = [await freePort(), await freePort()];
      const database = await createEmptyDatabase();
      const npm = spawn('npm', ['run', '-s', 'gatehouse', '--', 'serve'], {
        cwd: ROOT,
        env: {
          PATH: process.env['PATH'],
          HOME: process.env['HOME'],
          DATABASE_URL: database.url,
          GATEHOUSE_MASTER_KEY: KEY,
          GATEHOUSE_ISSUER: `http://localhost:${port}`,
          GATEHOUSE_INTERNAL_LISTEN: `127.0.0.1:${internal}`,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let log = '';
      npm.stderr.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
      const reachable = () =>
        fetch(`http://127.0.0.1:${internal}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      await expect.poll(reachable, { timeout: 30_000 }).toBe(true);
      npm.kill(signal);
      await once(npm, 'exit');
      await expect.poll(reachable, { timeout: 15_000 }).toBe(false);
      await expect.poll(() => log, { timeout: 15_000 }).toContain('draining');
      await database.drop();
    },
    90_000,
  );

  it('says in its help what each command does, and gives examples', async () => {
    const help = await runCli(['--help'], { cwd, env: {} });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const word of [
      'user',
      'client',
      'resource',
      'grant',
      'keys',
      'audit',
      'setup-link',
      'serve',
      '--json',
      'Exit codes',
    ]) {
      expect(help.stdout).toContain(word);
    }
    expect((await runCli(['resource', 'add', '--help'], { cwd, env: {} })).stdout).toContain('Example');
  });
});
