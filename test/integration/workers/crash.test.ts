import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { freePort } from '../../support/free-port.ts';
import { until } from '../../support/key-rotation.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

/** What goes wrong in a process, and by which signal it is told to. */
const TRAPS = `
  process.on('SIGUSR2', () => { Promise.reject(new Error('a planted rejection')); });
  process.on('SIGURG', () => { const end = Date.now() + 2000; while (Date.now() < end); });`;
const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(TRAPS)}`;

/** Milliseconds that a busy machine may take. */
const PATIENCE = 40_000;

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});
afterAll(() => server.stop());

/** Refreshes as an honest client that asks again when it has no answer. Answers every status but 200. */
function startRefreshing(target: () => ServerProcess, first: string) {
  let over = false;
  let current = first;
  const seen: number[] = [];
  const running = (async () => {
    while (!over) {
      const response = await refresh(target(), ada.clientId, current).catch(() => undefined);
      if (response?.status === 200) current = tokensOf(response).refreshToken;
      else await delay(20);
      if (response) seen.push(response.status);
    }
  })();
  return {
    seen,
    async stop() {
      over = true;
      await running;
      return current;
    },
  };
}

/** One leaf, and nothing missing before it. */
async function expectWhole(grantId: string): Promise<void> {
  const { rows } = await server.database.pool.query<{ generation: number; used: boolean }>(
    'SELECT generation, used_at IS NOT NULL AS used FROM refresh_tokens WHERE grant_id = $1 ORDER BY generation',
    [grantId],
  );
  expect(rows.map(({ generation }) => generation)).toEqual(rows.map((_, n) => n));
  expect(rows.filter(({ used }) => !used)).toEqual(rows.slice(-1));
  expect(await endOf(server, grantId)).toBeUndefined();
}

it('Y8: an event loop that stood still goes on where it was; a rejection that nobody handles ends the process, and leaves nothing half done', async () => {
  let node = await startServerProcess({ ...server.environment, NODE_OPTIONS });
  const families = await Promise.all(Array.from({ length: 4 }, () => freshTokens(server, ada)));
  const clients = families.map(({ refreshToken }) => startRefreshing(() => node, refreshToken));
  const goOn = () => {
    const counts = clients.map(({ seen }) => seen.length);
    return until(() => clients.every(({ seen }, n) => seen.length > (counts[n] ?? 0) + 5), PATIENCE);
  };
  await goOn();

  process.kill(node.pid, 'SIGURG');
  await goOn();
  for (const { seen } of clients) expect(seen.filter((status) => status !== 200)).toEqual([]);

  process.kill(node.pid, 'SIGUSR2');
  expect(await node.gone).toEqual({ code: 1, signal: null });
  expect(node.output()).toContain('a planted rejection');

  // What a supervisor does.
  node = await startServerProcess(server.environment);
  await goOn();
  const latest = await Promise.all(clients.map(({ stop }) => stop()));
  for (const { seen } of clients)
    expect(seen.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  for (const [n, { grantId }] of families.entries()) {
    await expectWhole(grantId);
    expect((await refresh(node, ada.clientId, latest[n])).status).toBe(200);
  }
  await node.stop();
}, 120_000);

it('Y8: a worker that crashes, or stands still, is replaced by its primary', async () => {
  const internal = `127.0.0.1:${await freePort()}`;
  const node = await startServerProcess({
    ...server.environment,
    NODE_OPTIONS,
    GATEHOUSE_WORKERS: '2',
    GATEHOUSE_INTERNAL_LISTEN: internal,
    GATEHOUSE_LOG_LEVEL: 'info',
    DATABASE_POOL_SIZE: '4',
  });
  const told = (message: string) =>
    node
      .output()
      .split('\n')
      .filter((line) => line.includes(message))
      .map((line) => (JSON.parse(line) as { worker: number }).worker);
  const listening = () => told('"a worker listens"');
  try {
    await until(() => listening().length === 2, PATIENCE);
    const [crashing = 0, standing = 0] = listening();

    process.kill(crashing, 'SIGUSR2');
    await until(() => listening().length === 3, PATIENCE);
    expect(told('"a worker ended"')).toEqual([crashing]);

    process.kill(standing, 'SIGSTOP');
    await until(() => listening().length === 4, PATIENCE);
    expect(told('"a worker stands still and is ended"')).toEqual([standing]);
    const { refreshToken } = await freshTokens(server, ada);
    expect((await refresh(node, ada.clientId, refreshToken)).status).toBe(200);
  } finally {
    await node.stop();
  }
}, 150_000);
