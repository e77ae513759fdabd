import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { runCli, startServe } from '../../support/cli.ts';
import { freePort } from '../../support/free-port.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-workers-'));
  // Started by root, the embedded PostgreSQL runs as somebody else, who has to come in here.
  chmodSync(cwd, 0o755);
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const settings = async () => {
  const [port, internal] = [await freePort(), await freePort()];
  return {
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
    GATEHOUSE_ISSUER: `http://localhost:${port}`,
    GATEHOUSE_INTERNAL_LISTEN: `127.0.0.1:${internal}`,
  };
};

it('gives up with exit code 1 when workers end as soon as they are started', async () => {
  // TEST-NET-1 (RFC 5737): no address of this machine.
  const env = { ...(await settings()), GATEHOUSE_LISTEN: '192.0.2.1:4000' };
  const run = await runCli(['serve', '--workers', '2'], { cwd, env });
  expect(run).toMatchObject({ code: 1, stdout: '' });
  expect(run.stderr).toContain('Workers end as soon as they are started');
}, 60_000);

it('Y1: workers share the embedded PostgreSQL of their primary, which refuses a second one and stops cleanly', async () => {
  const env = await settings();
  const server = await startServe(`http://${env.GATEHOUSE_INTERNAL_LISTEN}/readyz`, {
    cwd,
    env: { ...env, GATEHOUSE_WORKERS: '2' },
  });
  try {
    expect((await fetch(`${env.GATEHOUSE_ISSUER}/jwks`)).status).toBe(200);
    const second = await runCli(['serve', '--workers', '2'], { cwd, env });
    expect(second).toMatchObject({ code: 3, stdout: '' });
    expect(second.stderr).toContain('is running Gatehouse');
  } finally {
    expect(await server.stop()).toBe(0);
  }
}, 60_000);

it.each(['0', 'many'])('refuses %s as a number of workers', async (workers) => {
  const run = await runCli(['serve', '--workers', workers, '--json'], { cwd, env: {} });
  expect(run).toMatchObject({ code: 2 });
  expect(run.json()).toMatchObject({ error: 'usage' });
});
