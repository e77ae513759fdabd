import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { freePort } from '../../support/free-port.ts';
import { underLoad } from '../../support/load.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import { type Connected, connected, freshTokens, refresh, tokensOf } from '../../support/token-requests.ts';

const RATE = 100;

let server: TestServer;
let ada: Connected;
let ports: readonly [number, number];
const nodes: ServerProcess[] = [];

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
  ports = [await freePort(), await freePort()];
  nodes.push(...(await Promise.all(ports.map((port) => startServerProcess(server.environment, port)))));
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await server.stop();
});

/** As a load balancer does: the next node in turn, and the other one when nobody listens there. */
let turn = 0;
async function balanced<T>(request: (node: ServerProcess) => Promise<T>): Promise<T> {
  turn += 1;
  const [first, second] = turn % 2 === 0 ? [nodes[0], nodes[1]] : [nodes[1], nodes[0]];
  if (!first || !second) throw new Error('there are two nodes');
  try {
    return await request(first);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    return request(second);
  }
}

async function restart(index: 0 | 1, end: (node: ServerProcess) => Promise<void>): Promise<void> {
  const node = nodes[index];
  if (!node) throw new Error('there are two nodes');
  await end(node);
  nodes[index] = await startServerProcess(server.environment, ports[index]);
  await delay(300);
}

/** Requests that go to two nodes: keys, and one connection that refreshes. */
async function mixed(): Promise<() => Promise<void>> {
  let { refreshToken } = await freshTokens(server, ada);
  let last: Promise<unknown> = Promise.resolve();
  let n = 0;
  return async () => {
    n += 1;
    if (n % 5 !== 0) {
      const { status } = await balanced((node) => node.get('/jwks'));
      if (status !== 200) throw new Error(`/jwks: ${status}`);
      return;
    }
    const mine = last.then(async () => {
      const response = await balanced((node) => refresh(node, ada.clientId, refreshToken));
      ({ refreshToken } = tokensOf(response));
    });
    last = mine.catch(() => undefined);
    await mine;
  };
}

it('Y6: two nodes that are stopped and started in turn fail no request', async () => {
  const { served, faults } = await underLoad(RATE, await mixed(), async () => {
    await restart(0, (node) => node.stop());
    await restart(1, (node) => node.stop());
  });
  expect(faults).toEqual([]);
  expect(served).toBeGreaterThan(RATE);
}, 40_000);

it('Y6: a node that is killed fails what was in flight there, and nothing after', async () => {
  let killed = Number.POSITIVE_INFINITY;
  const request = await mixed();
  const timed = async () => {
    const started = performance.now();
    try {
      await request();
    } catch (error) {
      // Its connections were cut; a request that was made later finds nobody there and goes to the other.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNRESET' || started > killed) throw error;
    }
  };
  const [node] = nodes;
  const { served, faults } = await underLoad(RATE, timed, async () => {
    await node?.kill();
    killed = performance.now();
    await delay(1_000);
  });
  expect(faults).toEqual([]);
  expect(served).toBeGreaterThan(RATE / 2);
}, 40_000);
