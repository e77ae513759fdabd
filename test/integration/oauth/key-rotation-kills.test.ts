import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PoolClient } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import { changeSigningKeys } from '../../support/data-keys.ts';
import { kidOf, publishedKids, until } from '../../support/key-rotation.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';

const BIN = fileURLToPath(new URL('../../../src/cli/bin.ts', import.meta.url));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

/** Whoever holds it keeps everybody else from getting further in the middle of a step. */
let holder: PoolClient;
beforeEach(async () => {
  holder = await server.database.pool.connect();
  await holder.query('BEGIN');
});
afterEach(async () => {
  await holder.query('ROLLBACK');
  holder.release();
});

const query = async (text: string) => (await server.database.pool.query(text)).rows;
const keys = () => query('SELECT kid, state FROM signing_keys ORDER BY created_at, kid');
const auditOf = (event: 'key.created' | 'key.rotated' | 'key.revoked') =>
  listAudit(server.database.prisma, { event });
/** Until somebody is stuck in a step that moves keys. */
const stuck = () =>
  until(async () => {
    const rows = await query(
      `SELECT 1 FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
       WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  });
const sign = () => server.installation.keys.sign({ sub: 'usr_a', exp: 9_999_999_999 }, { typ: 'at+jwt' });

describe('a process that is killed in the middle of a step', () => {
  it('G7: leaves a promotion to the others, who sign with the old key meanwhile', async () => {
    const node: ServerProcess = await startServerProcess(server.environment);
    const old = kidOf(await sign());
    const { kid } = await server.installation.keys.rotate(cause);
    await changeSigningKeys(
      server.database.pool,
      server.installation.sealer,
      `UPDATE signing_keys SET promote_at = now() WHERE state = 'next'`,
    );
    await holder.query('SELECT 1 FROM signing_keys FOR UPDATE');
    await until(async () => (await publishedKids(node)).includes(kid));
    await stuck();
    expect(kidOf(await sign())).toBe(old);
    await node.kill();
    expect(kidOf(await sign())).toBe(old);
    await holder.query('ROLLBACK');

    await until(async () => kidOf(await sign()) === kid);
    expect(await keys()).toEqual([
      { kid: old, state: 'retired' },
      { kid, state: 'current' },
    ]);
    expect(await auditOf('key.rotated')).toHaveLength(1);
  }, 60_000);

  it.each([
    ['a rotation', []],
    ['an emergency', ['--compromised']],
  ])('G7, G8: leaves of %s everything or nothing', async (_what, options) => {
    const before = await keys();
    const created = (await auditOf('key.created')).length;
    const old = kidOf(await sign());
    // The key is made by then, and its record is not.
    await holder.query('LOCK TABLE audit_records IN SHARE MODE');
    const child: ChildProcess = spawn(process.execPath, [BIN, 'keys', 'rotate', ...options], {
      env: { PATH: process.env['PATH'], ...server.environment },
      stdio: 'ignore',
    });
    const gone = once(child, 'close');
    await stuck();
    child.kill('SIGKILL');
    await gone;
    await holder.query('ROLLBACK');

    expect(await keys()).toEqual(before);
    expect(kidOf(await sign())).toBe(old);
    const { replaceCompromised, rotate } = server.installation.keys;
    const { kid, state } = await (options.length > 0 ? replaceCompromised : rotate)(cause);
    const after = await keys();
    expect(after).toHaveLength(before.length + 1);
    expect(after.at(-1)).toEqual({ kid, state });
    expect(await auditOf('key.created')).toHaveLength(created + 1);
  });
});
