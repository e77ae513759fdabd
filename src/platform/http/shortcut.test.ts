import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { createLogger } from '../observability/index.ts';

import type { EndedRequest } from './observe-requests.ts';
import { prepare } from './prepared.ts';
import { type Document, type PreparedText, shortcut } from './shortcut.ts';

const text = '{"keys":[]}';
const document = { ...prepare(text, { type: 'application/json; charset=utf-8', maxAge: 300 }), text };

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A listener with a shortcut to `/jwks`; whatever goes past it is answered with 299. */
async function listen(make: Document = async () => document) {
  const lines: Record<string, unknown>[] = [];
  const ended: EndedRequest[] = [];
  const log = createLogger({
    level: 'info',
    stream: { write: (line: string) => void lines.push(JSON.parse(line)) },
  });
  const application: RequestListener = (_req, res) => res.writeHead(299).end('the long way');
  server = createServer({ requireHostHeader: false }, (req, res) => handler(req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `http://localhost:${port}`;
  const handler = shortcut(application, {
    issuer,
    log,
    trustedProxies: [],
    observer: { started: () => {}, ended: (request) => ended.push(request) },
    documents: new Map([['/jwks', make]]),
    headers: { 'Access-Control-Allow-Origin': '*' },
    routeOf: (path) => `route of ${path}`,
  });
  const ask = async (head: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    let answer = '';
    socket.on('data', (text) => {
      answer += text;
    });
    socket.write(`${head.replaceAll('ISSUER', new URL(issuer).host)}\r\nConnection: close\r\n\r\n`);
    await once(socket, 'close');
    return answer;
  };
  return { ask, lines, ended };
}

describe('shortcut', () => {
  it('answers a plain GET, with an id of its own, and lets it be counted and logged', async () => {
    const { ask, lines, ended } = await listen();

    const answer = await ask('GET /jwks HTTP/1.1\r\nHost: ISSUER');

    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer.endsWith('\r\n\r\n{"keys":[]}')).toBe(true);
    for (const [name, value] of Object.entries(document.headers)) {
      expect(answer).toContain(`\r\n${name}: ${value}\r\n`);
    }
    const [, id] = /\r\nX-Request-Id: (req_[\w-]{22})\r\n/.exec(answer) ?? [];
    expect(lines).toEqual([
      expect.objectContaining({
        request_id: id,
        network: '127.0.0.1',
        method: 'GET',
        path: '/jwks',
        status: 200,
      }),
    ]);
    expect(ended).toEqual([
      { route: 'route of /jwks', method: 'GET', status: '200', seconds: expect.any(Number) },
    ]);
  });

  it.each([
    ['another path', 'GET /jwks/ HTTP/1.1\r\nHost: ISSUER'],
    ['a query', 'GET /jwks?a=1 HTTP/1.1\r\nHost: ISSUER'],
    ['another spelling of the path', 'GET /%6awks HTTP/1.1\r\nHost: ISSUER'],
    ['an absolute target', 'GET http://ISSUER/jwks HTTP/1.1\r\nHost: ISSUER'],
    ['another method', 'HEAD /jwks HTTP/1.1\r\nHost: ISSUER'],
    ['another host', 'GET /jwks HTTP/1.1\r\nHost: evil.example'],
    ['no host', 'GET /jwks HTTP/1.1'],
    ['two hosts', 'GET /jwks HTTP/1.1\r\nHost: ISSUER\r\nhost: ISSUER'],
    ['what somebody has already', `GET /jwks HTTP/1.1\r\nHost: ISSUER\r\nIf-None-Match: "a"`],
    ['a part', 'GET /jwks HTTP/1.1\r\nHost: ISSUER\r\nRange: bytes=0-1'],
    ['a body', 'GET /jwks HTTP/1.1\r\nHost: ISSUER\r\nContent-Length: 0'],
  ])('leaves %s to the application', async (_what, head) => {
    const { ask, lines } = await listen();

    expect(await ask(head)).toMatch(/^HTTP\/1\.1 299 /);
    expect(lines).toEqual([]);
  });

  it.each([
    ['is not ready', async () => undefined],
    ['cannot be had', () => Promise.reject<PreparedText>(new Error('the store is away'))],
  ])('leaves a document that %s to the application', async (_what, make) => {
    const { ask, ended } = await listen(make);

    expect(await ask('GET /jwks HTTP/1.1\r\nHost: ISSUER')).toMatch(/^HTTP\/1\.1 299 /);
    expect(ended).toEqual([]);
  });
});
