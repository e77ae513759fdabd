import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { createTestAuthority } from '../../../test/support/certificates.ts';
import { startTestWeb, type TestWeb } from '../../../test/support/web.ts';

import { createGuardedFetch, FetchRefused, type GuardedFetch, type GuardedRequest } from './index.ts';

let web: TestWeb;
let fetch: GuardedFetch;
beforeAll(async () => {
  web = await startTestWeb();
  fetch = createGuardedFetch({ outbound: web.outbound });
});
afterAll(() => web.stop());
beforeEach(() => {
  web.asked.length = 0;
  web.dialled.length = 0;
});
afterEach(() => expect(web.strays()).toBe(0));

const URL_OF_IT = 'https://app.example/client.json';
const JSON_ONLY = { accept: ['application/json'], maxBytes: 1024, timeoutMs: 300 } satisfies GuardedRequest;
const json = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  new Response(body, { headers: { 'content-type': 'application/json', ...headers } });

/** Where a server of this machine listens from now on. */
async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Why it was refused; fails when it was not. */
async function detailOf(url: string, request: GuardedRequest = JSON_ONLY): Promise<string> {
  const error = await fetch(url, request).then(
    () => undefined,
    (refused: unknown) => refused,
  );
  expect(error).toBeInstanceOf(FetchRefused);
  expect((error as FetchRefused).message).toBe('the address could not be fetched');
  return (error as FetchRefused).detail;
}

describe('the guarded fetch', () => {
  it('answers what is there', async () => {
    web.publish(URL_OF_IT, () => json('{"a":1}', { 'cache-control': 'max-age=60', 'set-cookie': 'a=b' }));
    const { headers, body, url } = await fetch(URL_OF_IT, JSON_ONLY);
    expect({ url, body: body.toString() }).toEqual({ url: URL_OF_IT, body: '{"a":1}' });
    expect(headers['cache-control']).toBe('max-age=60');
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('K13: sends nothing that it was not told to, whatever the environment says of proxies', async () => {
    const proxy = createServer();
    let proxied = 0;
    proxy.on('connection', () => {
      proxied += 1;
    });
    const port = await portOf(proxy);
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'])
      vi.stubEnv(name, `http://127.0.0.1:${port}`);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    web.publish(URL_OF_IT, () => json('{}'));
    await fetch(URL_OF_IT, JSON_ONLY);
    vi.unstubAllEnvs();
    proxy.close();

    expect(proxied).toBe(0);
    expect(Object.fromEntries(web.asked[0]?.headers ?? [])).toEqual({
      host: 'app.example',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'Gatehouse',
      connection: 'close',
    });
  });

  it('K13: makes a connection of its own each time', async () => {
    web.publish(URL_OF_IT, () => json('{}', { connection: 'keep-alive' }));
    await fetch(URL_OF_IT, JSON_ONLY);
    await fetch(URL_OF_IT, JSON_ONLY);
    expect(web.dialled).toHaveLength(2);
  });

  it.each([201, 203, 204, 206, 301, 302, 304, 307, 400, 404, 500, 503])(
    'K8: refuses status %d, whatever comes with it',
    async (status) => {
      web.serve(URL_OF_IT, (_request, response) => {
        const headers = { 'content-type': 'application/json', location: 'https://elsewhere.example/' };
        response.writeHead(status, headers).end('{}');
      });
      expect(await detailOf(URL_OF_IT)).toBe(`status_${status}`);
      expect(web.asked).toHaveLength(1);
    },
  );

  it.each([
    ['text/html', 'content_type'],
    ['application/jsonp', 'content_type'],
    ['application/x+json', 'content_type'],
    ['', 'content_type'],
  ])('refuses content of type %j', async (type, detail) => {
    web.publish(URL_OF_IT, () => json('{}', { 'content-type': type }));
    expect(await detailOf(URL_OF_IT)).toBe(detail);
  });

  it.each(['application/json', 'Application/JSON; charset=utf-8', 'application/oauth-client+json'])(
    'takes content of type %s where the family is wanted',
    async (type) => {
      web.publish(URL_OF_IT, () => json('{}', { 'content-type': type }));
      const accept = ['application/json', 'application/*+json'];
      expect(String((await fetch(URL_OF_IT, { ...JSON_ONLY, accept })).body)).toBe('{}');
    },
  );

  it('MCP 51: refuses what is compressed, and does not decompress', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 0x20));
    web.serve(URL_OF_IT, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
    });
    expect(await detailOf(URL_OF_IT)).toBe('content_encoding');
  });

  it('MCP 51: reads no further than agreed, of a body that says how long it is and of one that does not', async () => {
    web.serve(URL_OF_IT, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2048 });
      response.end(' '.repeat(2048));
    });
    expect(await detailOf(URL_OF_IT)).toBe('too_large');

    let sent = 0;
    web.publish(
      URL_OF_IT,
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              sent += 1024;
              controller.enqueue(new Uint8Array(1024).fill(0x20));
            },
          }),
          { headers: { 'content-type': 'application/json' } },
        ),
    );
    expect(await detailOf(URL_OF_IT)).toBe('too_large');
    expect(sent).toBeLessThan(10_000_000);
  });

  it('refuses a header without end, interim answers without end, and a body that is cut off', async () => {
    web.serve(URL_OF_IT, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-long': 'a'.repeat(20_000) }).end('{}');
    });
    expect(await detailOf(URL_OF_IT)).toBe('no_answer');
    web.serve(URL_OF_IT, (_request, response) => {
      for (let at = 0; at < 20; at += 1) response.writeProcessing();
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    expect(await detailOf(URL_OF_IT)).toBe('interim_answers');
    web.serve(URL_OF_IT, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{}');
      setTimeout(() => response.destroy(), 20);
    });
    expect(await detailOf(URL_OF_IT)).toBe('cut_off');
  });

  it('MCP 51: hangs up as soon as an answer is made to be much work, and reads nothing more of it', async () => {
    const answers = {
      interim_answers: 'HTTP/1.1 103 Early Hints\r\n\r\n',
      too_many_pieces: '1\r\n \r\n',
      no_answer: 'x-header: a\r\n',
    };
    const heads = {
      interim_answers: '',
      too_many_pieces:
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
      no_answer: 'HTTP/1.1 200 OK\r\n',
    };
    for (const [detail, part] of Object.entries(answers)) {
      const gone = Promise.withResolvers<void>();
      web.serve(URL_OF_IT, ({ socket }) => {
        socket.write(heads[detail as keyof typeof heads]);
        const block = part.repeat(2_000);
        const goOn = () => {
          while (socket.writable && socket.write(block));
        };
        socket.on('drain', goOn).once('close', () => gone.resolve());
        goOn();
      });
      expect(await detailOf(URL_OF_IT, { ...JSON_ONLY, maxBytes: 1_000_000 })).toBe(detail);
      await gone.promise;
    }
  });

  it('takes a body that comes byte by byte, if there are not too many of them', async () => {
    web.serve(URL_OF_IT, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const byte of `{"a":"${'b'.repeat(1000)}"}`) response.write(byte);
      response.end();
    });
    const { body } = await fetch(URL_OF_IT, { ...JSON_ONLY, maxBytes: 10_000 });
    expect(JSON.parse(String(body)).a).toHaveLength(1000);
  });

  it('MCP 51: waits for no one: neither for a name, a connection, a header nor a body', async () => {
    const never = () => new Promise<never>(() => {});
    web.name('slow-name.example', never);
    expect(await detailOf('https://slow-name.example/')).toBe('timeout');
    web.name('slow-connect.example', () => [{ address: '93.184.215.15', family: 4 }]);
    web.route('93.184.215.15', never);
    expect(await detailOf('https://slow-connect.example/')).toBe('timeout');
    web.serve('https://slow-header.example/', () => {});
    expect(await detailOf('https://slow-header.example/')).toBe('timeout');
    web.serve('https://slow-body.example/', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    });
    expect(await detailOf('https://slow-body.example/')).toBe('timeout');
  });
});

describe('the address of a guarded fetch', () => {
  it.each([
    ['127.0.0.1', 4],
    ['10.1.2.3', 4],
    ['169.254.169.254', 4],
    ['::1', 6],
    ['::ffff:93.184.215.14', 6],
    ['64:ff9b::5db8:d70e', 6],
    ['fd00::1', 6],
  ] as const)(
    'K11, MCP 51: a name that leads to %s is refused before anything is dialled',
    async (address, family) => {
      web.name('inside.example', () => [{ address, family }]);
      expect(await detailOf('https://inside.example/')).toBe('address_forbidden');
      expect(web.dialled).toEqual([]);
    },
  );

  it('MCP 51: a name of which one address is forbidden is refused whole', async () => {
    web.name('mixed.example', () => [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
    expect(await detailOf('https://mixed.example/')).toBe('address_forbidden');
    expect(web.dialled).toEqual([]);
  });

  it('MCP 51: a name that changes its mind is asked once, and dialled where it was looked at', async () => {
    let asked = 0;
    web.publish('https://rebinding.example/', () => json('{}'));
    web.name('rebinding.example', () => {
      asked += 1;
      return [{ address: asked === 1 ? '93.184.215.14' : '127.0.0.1', family: 4 }];
    });
    expect(String((await fetch('https://rebinding.example/', JSON_ONLY)).body)).toBe('{}');
    expect(asked).toBe(1);
    expect(web.dialled).toEqual([{ address: '93.184.215.14', family: 4 }]);
    expect(await detailOf('https://rebinding.example/')).toBe('address_forbidden');
  });

  it('goes on to the next address where one does not answer', async () => {
    web.publish('https://two.example/', () => json('{}'));
    web.name('two.example', () => [
      { address: '2606:4700:4700::1111', family: 6 },
      { address: '93.184.215.15', family: 4 },
      { address: '93.184.215.14', family: 4 },
    ]);
    web.route('93.184.215.15', () => Promise.reject(new Error('refused')));
    web.route('2606:4700:4700::1111', () => Promise.reject(new Error('no route')));
    expect(String((await fetch('https://two.example/', { ...JSON_ONLY, timeoutMs: 2_000 })).body)).toBe('{}');
  });

  it('believes nobody who cannot prove the name: another authority, another name, no TLS at all', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    web.publish(URL_OF_IT, () => json('{}'));
    const strict = createGuardedFetch({ outbound: { ...web.outbound, ca: [] } });
    await expect(strict(URL_OF_IT, JSON_ONLY)).rejects.toMatchObject({ detail: 'tls' });

    const other = await startTestWeb();
    const misled = createGuardedFetch({ outbound: { ...web.outbound, ca: other.outbound.ca } });
    await expect(misled(URL_OF_IT, JSON_ONLY)).rejects.toMatchObject({ detail: 'tls' });
    await other.stop();

    // Believed by its authority, and somebody else.
    const authority = createTestAuthority();
    const somebody = createSecureServer(authority.certify('somebody.example'), (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    const somebodys = await portOf(somebody);
    const believing = createGuardedFetch({
      outbound: {
        ca: [authority.ca],
        resolve: web.outbound.resolve,
        dial: async () => connect({ host: '127.0.0.1', port: somebodys }),
      },
    });
    await expect(believing(URL_OF_IT, JSON_ONLY)).rejects.toMatchObject({ detail: 'tls' });
    expect(String((await believing('https://somebody.example/', JSON_ONLY)).body)).toBe('{}');
    somebody.close();

    const plain = createServer((_request, response) => response.end('{}'));
    const port = await portOf(plain);
    web.name('plain.example', () => [{ address: '93.184.215.16', family: 4 }]);
    web.route('93.184.215.16', async () => connect({ host: '127.0.0.1', port }));
    expect(await detailOf('https://plain.example/')).toBe('tls');
    vi.unstubAllEnvs();
    plain.close();
  });

  it('MCP 51: a machine that takes the connection and says nothing is left when the time is over', async () => {
    const mute = createTcpServer();
    const port = await portOf(mute);
    const gone = once(mute, 'connection').then(([socket]) => {
      socket.resume().on('error', () => {});
      return new Promise((resolve) => socket.once('close', resolve));
    });
    web.name('mute.example', () => [{ address: '93.184.215.19', family: 4 }]);
    web.route('93.184.215.19', async () => connect({ host: '127.0.0.1', port }));
    expect(await detailOf('https://mute.example/')).toBe('timeout');
    await gone;
    mute.close();
  });

  it('MCP 51: a name with more addresses than a web server has is refused before anything is dialled', async () => {
    web.name('many.example', () =>
      Array.from({ length: 65 }, (_, at) => ({ address: `93.184.216.${at}`, family: 4 }) as const),
    );
    expect(await detailOf('https://many.example/')).toBe('name_not_found');
    expect(web.dialled).toEqual([]);
  });
});

describe('a refusal of the guarded fetch', () => {
  it('K11: comes at one time and says one thing, whether the target is open, closed, forbidden or not there', async () => {
    web.publish('https://open.example/', () => json('{}', { 'content-type': 'text/html' }));
    web.name('closed.example', () => [{ address: '93.184.215.17', family: 4 }]);
    web.route('93.184.215.17', () => Promise.reject(new Error('refused')));
    web.name('dead.example', () => [{ address: '93.184.215.18', family: 4 }]);
    web.route('93.184.215.18', () => new Promise(() => {}));
    web.name('inside.example', () => [{ address: '10.0.0.1', family: 4 }]);
    web.name('nobody.example', () => []);
    const hosts = ['open', 'closed', 'dead', 'inside', 'nobody'].map((name) => `https://${name}.example/`);
    const outcomes = await Promise.all(
      [...hosts, 'https://127.0.0.1/'].map(async (url) => {
        const began = performance.now();
        const error = await fetch(url, JSON_ONLY).catch((refused: unknown) => refused);
        return { took: performance.now() - began, text: String(error) };
      }),
    );
    expect(new Set(outcomes.map(({ text }) => text)).size).toBe(1);
    for (const { took } of outcomes) expect(took).toBeGreaterThan(JSON_ONLY.timeoutMs - 5);
  });

  it('K10: a hundred at once of one slow host keep others from nothing, and no more than four reach it', async () => {
    let under = 0;
    let most = 0;
    web.serve('https://hostile.example/', (_request, response) => {
      under += 1;
      most = Math.max(most, under);
      response.once('close', () => {
        under -= 1;
      });
    });
    web.publish(URL_OF_IT, () => json('{}'));
    const hostile = Array.from({ length: 100 }, () => detailOf('https://hostile.example/'));
    expect(String((await fetch(URL_OF_IT, JSON_ONLY)).body)).toBe('{}');
    for (const detail of await Promise.all(hostile)) expect(['timeout', 'busy']).toContain(detail);
    expect(most).toBe(4);
    expect(String((await fetch(URL_OF_IT, JSON_ONLY)).body)).toBe('{}');
  });
});
