import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

/** Tells what a door sees of the request's address, the way oidc-provider builds its URLs. */
const seenAddress = () => (ctx: import('koa').Context) => {
  ctx.body = {
    href: ctx.href,
    origin: `${ctx.protocol}://${ctx.host}`,
    ip: ctx.ip,
    forwarded: ctx.get('Forwarded'),
  };
};

describe.each([
  { issuer: undefined, described: 'a loopback issuer' },
  { issuer: 'https://auth.acme.example', described: 'an https issuer behind a proxy' },
])('hostGuard with $described', ({ issuer }) => {
  let app: ListeningApp;
  beforeAll(async () => {
    app = await listenWith(seenAddress, issuer === undefined ? {} : { issuer });
  });
  afterAll(() => app.close());

  it.each([
    'evil.example',
    'auth.acme.example.evil.example',
    'auth.acme.example:8080',
    'auth.acme.example@evil.example',
    '127.0.0.1:1',
    'localhost',
    '[::1]:4000',
    '',
  ])('A15: answers 421 in JSON to the Host %j, on any path', async (host) => {
    for (const path of ['/', '/authorize', '/.well-known/oauth-authorization-server']) {
      const answer = await app.ask(path, { headers: { Host: host, Accept: 'application/json' } });

      expect(answer.status).toBe(421);
      expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
      expect(answer.headers['location']).toBeUndefined();
      expect(answer.text).not.toContain('evil');
    }
  });

  it('A15: builds every URL from the issuer, whatever forwarded headers say', async () => {
    const answer = await app.ask('/authorize?x=1', {
      headers: {
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'gopher',
        'X-Forwarded-Port': '1',
        'X-Forwarded-For': '203.0.113.9',
        Forwarded: 'host=evil.example;proto=gopher',
      },
    });

    expect(JSON.parse(answer.text)).toEqual({
      href: `${app.issuer}/authorize?x=1`,
      origin: app.issuer,
      ip: '127.0.0.1',
      forwarded: '',
    });
  });

  it('A15: refuses two Host headers, and none', async () => {
    const { host } = new URL(app.issuer);

    expect(await raw(app.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 400 /,
    );
    expect(await raw(app.port, `GET / HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  });

  it('A15: reads the absolute form of a target as its own authority', async () => {
    const { host } = new URL(app.issuer);
    const own = await raw(app.port, `GET ${app.issuer}/authorize HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const foreign = await raw(
      app.port,
      `GET http://evil.example/authorize HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    );

    expect(own).toMatch(/^HTTP\/1.1 200 /);
    expect(own).toContain(`"href":"${app.issuer}/authorize"`);
    expect(foreign).toMatch(/^HTTP\/1.1 421 /);
  });

  it('refuses a target that a browser would read as another host', async () => {
    expect((await app.ask('//evil.example/authorize')).status).toBe(400);
  });

  it('accepts its own host in any case', async () => {
    const { host } = new URL(app.issuer);
    expect((await app.ask('/', { headers: { Host: host.toUpperCase() } })).status).toBe(200);
  });
});

/** Sends bytes as they are, and hangs up after the answer. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  return text(socket);
}
