import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { formBody, type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

import { field, fields, readForm, readJson } from './body.ts';
import { serverOptions } from './server.ts';

/** `npm run test:long` takes five thousand. */
const HALF_OPEN = process.env['GATEHOUSE_TEST_LONG'] === undefined ? 1_000 : 5_000;

const echo: Parameters<typeof listenWith>[0] = () => async (ctx) => {
  if (ctx.path === '/form') {
    const form = await readForm(ctx);
    ctx.body = { keys: Object.keys(form), code: field(form, 'code'), scope: fields(form, 'scope') };
  } else if (ctx.path === '/json') ctx.body = { value: await readJson(ctx) };
  else ctx.body = { query: Object.keys(ctx.query) };
};
const json = (body: string) => ({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body });

describe('limits', () => {
  let app: ListeningApp;
  beforeAll(async () => {
    const listening = await listenWith(echo);
    const accept = { Accept: 'application/json' };
    app = {
      ...listening,
      ask: (path, asked = {}) => listening.ask(path, { ...asked, headers: { ...accept, ...asked.headers } }),
    };
  });
  afterAll(() => app.close());

  it.each([
    ['a URL of 20 KB', 414, () => app.ask(`/?state=${'x'.repeat(20_000)}`)],
    ['a URL of 64 KB', 431, () => app.ask(`/?state=${'x'.repeat(64_000)}`)],
    ['headers of 100 KB', 431, () => app.ask('/', { headers: { 'X-Long': 'x'.repeat(100_000) } })],
    ['a form of 1 MB', 413, () => app.ask('/form', formBody({ a: 'x'.repeat(1_000_000) }))],
    ['a form of 1 MB without a length', 413, () => chunked(app, 'x'.repeat(1_000_000))],
    ['1,000 query parameters', 400, () => app.ask(`/?${'a=1&'.repeat(1_000)}`)],
    ['1,000 form parameters', 400, () => app.ask('/form', { ...formBody({}), body: 'a=1&'.repeat(1_000) })],
    [
      '10,000 nested arrays of JSON',
      400,
      () => app.ask('/json', json('['.repeat(10_000) + ']'.repeat(10_000))),
    ],
    ['a NUL in a form', 400, () => app.ask('/form', { ...formBody({}), body: 'email=a%00b' })],
    ['a NUL in the path', 400, () => app.ask('/a%00b')],
    ['what is not JSON', 400, () => app.ask('/json', json('{"a":'))],
    ['a form where JSON is due', 415, () => app.ask('/json', formBody({ a: '1' }))],
    ['JSON where a form is due', 415, () => app.ask('/form', json('{}'))],
  ] as const)('X1: %s is answered with %i, in JSON', async (_, status, send) => {
    const answer = await send();

    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
  });

  it('X7: a compressed or multipart body is refused and not unpacked', async () => {
    const zipped = gzipSync('code=1');
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Encoding': 'gzip' };

    expect((await app.ask('/form', { method: 'POST', headers, body: zipped })).status).toBe(415);
    const multipart = { 'Content-Type': 'multipart/form-data; boundary=x' };
    expect((await app.ask('/form', { method: 'POST', headers: multipart, body: '--x--' })).status).toBe(415);
  });

  it('X7: an expectation that is not known is refused', async () => {
    const answer = await app.ask('/', { headers: { Expect: 'miracles' } });

    expect(answer.status).toBe(417);
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
  });

  it('X7: whatever follows an expectation that was refused is not answered too', async () => {
    const socket = connect(app.port, '127.0.0.1');
    const host = new URL(app.issuer).host;
    socket.write(
      `POST /form HTTP/1.1\r\nHost: ${host}\r\nExpect: miracles\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    );
    const answer = await text(socket);

    expect(answer).toMatch(/^HTTP\/1\.1 417 /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(answer).toMatch(/\r\nX-Request-Id: req_/);
  });

  it('X7: who asks before sending a body that is too large is refused, and the connection is closed', async () => {
    const socket = connect(app.port, '127.0.0.1');
    const { host } = new URL(app.issuer);
    socket.write(
      `POST /form HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\nExpect: 100-continue\r\n` +
        'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\n',
    );
    const answer = await text(socket);

    expect(answer).toMatch(/HTTP\/1\.1 413 /);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  });

  it.each([
    ['preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    [
      'upgrade',
      'GET / HTTP/1.1\r\nHost: $\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    ],
  ])('X7: HTTP/2 is not spoken, whatever the %s', async (_what, sent) => {
    const socket = connect(app.port, '127.0.0.1');
    socket.write(sent.replace('$', new URL(app.issuer).host));
    const answer = await text(socket);

    expect(answer).toMatch(/^HTTP\/1\.1 (?:400|200) /);
    expect(answer.match(/HTTP\/\d/g)?.length).toBe(1);
  });

  it('X4: __proto__ and constructor are names of parameters like any other', async () => {
    const body = '__proto__=1&constructor=2&toString=3&scope=a&scope=b&code=x&code=y';
    const answer = await app.ask('/form?__proto__=1&constructor=2', { ...formBody({}), body });

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({
      keys: ['__proto__', 'constructor', 'toString', 'scope', 'code'],
      code: '',
      scope: ['a', 'b'],
    });
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  it('X4: __proto__ in JSON is data', async () => {
    const answer = await app.ask('/json', json('{"__proto__":{"admin":true},"constructor":1}'));

    expect(answer.text).toBe('{"value":{"__proto__":{"admin":true},"constructor":1}}');
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it('answers 400 in JSON to what is not HTTP', async () => {
    const socket = connect(app.port, '127.0.0.1');
    socket.write('EHLO mail.example\r\n\r\n');
    const answer = await text(socket);

    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('"error":"invalid_request"');
    expect(answer).toContain('Connection: close');
  });
});

describe('slow senders', () => {
  it('X2: have ten seconds for the headers and thirty for the request, looked at every second', () => {
    expect(serverOptions.headersTimeout).toBeLessThanOrEqual(10_000);
    expect(serverOptions.requestTimeout).toBeLessThanOrEqual(30_000);
    expect(serverOptions.connectionsCheckingInterval).toBeLessThanOrEqual(1_000);
  });

  it.each([
    ['headers', 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
    [
      'a body',
      'POST /form HTTP/1.1\r\nHost: $\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\na=',
    ],
  ])(
    'X2: that never finish %s are cut off in time, and do not keep others from being served',
    async (_, start) => {
      const app = await listenWith(echo, {
        serverOptions: {
          ...serverOptions,
          headersTimeout: 200,
          requestTimeout: 300,
          connectionsCheckingInterval: 50,
        },
      });
      try {
        const sockets = Array.from({ length: 100 }, () => {
          const socket = connect(app.port, '127.0.0.1').on('error', () => {});
          socket.write(start.replace('$', new URL(app.issuer).host));
          return text(socket).catch(() => '');
        });
        expect((await app.ask('/')).status).toBe(200);

        for (const answer of await Promise.all(sockets)) expect(answer).toMatch(/^(HTTP\/1\.1 408 .*|)/);
        expect(await connectionsOf(app)).toBe(0);
      } finally {
        await app.close();
      }
    },
  );

  it(`X2: ${HALF_OPEN} at the same time, in whatever part of a request, keep nobody else from being served`, async () => {
    const app = await listenWith(echo, {
      serverOptions: { ...serverOptions, headersTimeout: 60_000, requestTimeout: 60_000 },
    });
    const { host } = new URL(app.issuer);
    const starts = [
      '',
      `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `,
      `POST /form HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\na=`,
      `POST /form HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na=`,
    ];
    const sockets: Socket[] = [];
    try {
      for (let opened = 0; opened < HALF_OPEN; opened += 100) {
        await Promise.all(
          Array.from({ length: 100 }, async (_, n) => {
            const socket = connect(app.port, '127.0.0.1').on('error', () => {});
            sockets.push(socket);
            await once(socket, 'connect');
            socket.write(starts[n % starts.length] ?? '');
          }),
        );
      }
      await expect.poll(() => connectionsOf(app), { timeout: 20_000 }).toBe(HALF_OPEN);
      const answers = [];
      for (let n = 0; n < 50; n += 1) {
        answers.push(await app.ask('/'), await app.ask('/form', formBody({ code: String(n) })));
      }
      expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
    } finally {
      for (const socket of sockets) socket.destroy();
      await app.close();
    }
  }, 120_000);
});

function connectionsOf(app: ListeningApp): Promise<number> {
  return new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** A body that does not say how long it is. */
async function chunked(app: ListeningApp, body: string) {
  return app.ask('/form', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Transfer-Encoding': 'chunked' },
    body,
  });
}
