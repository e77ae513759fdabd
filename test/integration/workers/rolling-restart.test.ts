import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { runCli } from '../../support/cli.ts';
import { freePort } from '../../support/free-port.ts';
import { kidOf, publishedKids, until } from '../../support/key-rotation.ts';
import { underLoad } from '../../support/load.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import { type Connected, connected, freshTokens, refresh, tokensOf } from '../../support/token-requests.ts';

const WORKERS = 2;
const RATE = 200;
/** Connections that refresh while keys are fetched. */
const FAMILIES = 8;

let server: TestServer;
let node: ServerProcess;
let internal: string;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  internal = `http://127.0.0.1:${await freePort()}`;
  node = await startServerProcess({
    ...server.environment,
    GATEHOUSE_WORKERS: String(WORKERS),
    GATEHOUSE_INTERNAL_LISTEN: internal.replace('http://', ''),
    GATEHOUSE_LOG_LEVEL: 'info',
    DATABASE_POOL_SIZE: '4',
  });
  await until(async () => (await workers()).length === WORKERS);
  ada = await connected(server);
}, 60_000);
afterAll(async () => {
  await node.stop();
  await server.stop();
});

/** The processes that answered a scrape, by their start. */
async function workers(): Promise<readonly string[]> {
  const text = await (await fetch(`${internal}/metrics`)).text();
  return [...text.matchAll(/^process_start_time_seconds\{worker="\d+"\} (.*)$/gm)].map(
    ([, start = '']) => start,
  );
}

async function expectKeys(target: ServerProcess): Promise<void> {
  const { status, body } = await target.get('/jwks');
  if (status !== 200) throw new Error(`/jwks: ${status} ${JSON.stringify(body)}`);
}

/** A connection that refreshes as fast as it is asked to, one refresh after the other. */
async function refresher(): Promise<() => Promise<void>> {
  let { refreshToken } = await freshTokens(server, ada);
  let turn: Promise<unknown> = Promise.resolve();
  return () => {
    const mine = turn.then(async () => {
      ({ refreshToken } = tokensOf(await refresh(node, ada.clientId, refreshToken)));
    });
    turn = mine.catch(() => undefined);
    return mine;
  };
}

it('Y6: SIGHUP replaces all workers under load, and no request fails', async () => {
  const before = await workers();
  const refreshers = await Promise.all(Array.from({ length: FAMILIES }, refresher));
  let n = 0;
  const { served, faults } = await underLoad(
    RATE,
    () => {
      n += 1;
      return n % 8 === 0 ? (refreshers[(n / 8) % FAMILIES]?.() ?? Promise.reject(n)) : expectKeys(node);
    },
    async () => {
      await delay(500);
      process.kill(node.pid, 'SIGHUP');
      await until(async () => {
        const now = await workers();
        return now.length === WORKERS && now.every((start) => !before.includes(start));
      }, 25_000);
      await delay(500);
    },
  );
  expect(faults).toEqual([]);
  expect(served).toBeGreaterThan(RATE);
  expect((await fetch(`${internal}/readyz`)).status).toBe(200);
}, 40_000);

it('G8: a key that is dropped by the command line is dropped by every worker within a second', async () => {
  const { accessToken } = await freshTokens(server, ada);
  const run = await runCli(['keys', 'rotate', '--compromised', '--json'], {
    cwd: '/',
    env: server.environment,
  });
  const { kid, revoked } = run.json<{ kid: string; revoked: string[] }>();
  expect(revoked).toContain(kidOf(accessToken));
  await delay(1_100);
  // More requests than workers, each on a connection of its own: all of them are asked.
  const answers = await Promise.all(Array.from({ length: WORKERS * 8 }, () => publishedKids(node)));
  for (const kids of answers) expect(kids).toEqual([kid]);
});

it('puts another worker in the place of one that died, and stays ready', async () => {
  const pids = () =>
    [...node.output().matchAll(/"worker":(\d+),"msg":"a worker listens"/g)].map(([, pid]) => Number(pid));
  const known = pids();
  process.kill(known.at(-1) ?? 0, 'SIGKILL');
  await until(() => pids().length > known.length, 20_000);
  expect((await fetch(`${internal}/readyz`)).status).toBe(200);
  await until(async () => (await workers()).length === WORKERS);
});
