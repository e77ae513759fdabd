import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startTestServer, type TestServer } from '../../support/server.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

/** Requests at the same time, and the connections on which they come, one after the other without waiting. */
const REQUESTS = 1_000;
const CONNECTIONS = 20;

let web: TestWeb;
let server: TestServer;

beforeAll(async () => {
  web = await startTestWeb();
  server = await startTestServer(
    {
      GATEHOUSE_METADATA_DOCUMENTS: 'open',
      GATEHOUSE_FETCH_TIMEOUT: '5',
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_THROTTLE_AUTHORIZATION_NETWORK: '100000',
      // Whoever only waits takes nothing from what a network may have fetched.
      GATEHOUSE_THROTTLE_DOCUMENT_NETWORK: '2',
    },
    { outbound: web.outbound },
  );
});
afterAll(async () => {
  await server.stop();
  await web.stop();
});
beforeEach(() => {
  web.asked.length = 0;
  web.dialled.length = 0;
});

/** Resolves when so many authorization requests have reached a server of this process. */
function arrived(count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    const see = (message: unknown) => {
      const { request } = message as { readonly request: IncomingMessage };
      if (!request.url?.startsWith('/authorize?')) return;
      seen += 1;
      if (seen < count) return;
      diagnostics.unsubscribe('http.server.request.start', see);
      resolve();
    };
    diagnostics.subscribe('http.server.request.start', see);
  });
}

/** The status of every answer to so many requests on one connection, all sent before the first is answered. */
async function ask(path: string, count: number): Promise<readonly string[]> {
  const { hostname, host, port } = new URL(server.issuer);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  const request = (more = '') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
  socket.write(request().repeat(count - 1) + request('Connection: close\r\n'));
  const answer = Buffer.concat(await socket.toArray()).toString();
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status);
}

async function askAtOnce(path: string): Promise<readonly string[]> {
  const each = Array.from({ length: CONNECTIONS }, () => ask(path, REQUESTS / CONNECTIONS));
  return (await Promise.all(each)).flat();
}

const pathFor = (clientId: string) =>
  `/authorize?${new URLSearchParams({
    client_id: clientId,
    redirect_uri: 'https://app.example/cb',
    response_type: 'code',
    code_challenge: 'A'.repeat(43),
    code_challenge_method: 'S256',
    resource: 'https://files.example/mcp',
  })}`;

/** Connections that a server has to the store. */
async function storeConnections(): Promise<number> {
  const { rows } = await server.database.pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()',
  );
  return rows[0]?.count ?? 0;
}

describe('a thousand authorization requests at the same time', () => {
  it('K10: for one slow document are one fetch, and all are answered by it', async () => {
    const clientId = 'https://slow.example/client.json';
    const all = arrived(REQUESTS);
    web.publish(clientId, async () => {
      await all;
      return Response.json({
        client_id: clientId,
        client_name: 'Slow App',
        redirect_uris: ['https://app.example/cb'],
      });
    });
    const answers = await askAtOnce(pathFor(clientId));
    expect(answers).toHaveLength(REQUESTS);
    // A machine that takes a thousand requests in no less than the time of a fetch refuses them all by that one.
    expect(['303', '400']).toContain(answers[0]);
    expect(new Set(answers)).toEqual(new Set([answers[0]]));
    expect(web.asked.map(({ url }) => url)).toEqual([clientId]);
    expect(web.dialled).toHaveLength(1);
    expect(await storeConnections()).toBeLessThanOrEqual(server.database.pool.options.max + 2);
  });

  it('K10, K11: for one that never comes are one fetch too, and are all refused by it', async () => {
    const clientId = 'https://silent.example/client.json';
    web.serve(clientId, () => {});
    const answers = await askAtOnce(pathFor(clientId));
    expect(answers).toHaveLength(REQUESTS);
    expect(new Set(answers)).toEqual(new Set(['400']));
    expect(web.dialled).toHaveLength(1);
    const { rows } = await server.database.pool.query(
      'SELECT count(*)::int AS count FROM web_copies WHERE url = $1',
      [clientId],
    );
    expect(rows[0].count).toBe(1);
  });
});
