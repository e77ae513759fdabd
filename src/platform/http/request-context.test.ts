import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

import { originOf } from './context.ts';
import { createClientAddress } from './trusted-proxies.ts';

describe('requestContext', () => {
  let app: ListeningApp;
  beforeAll(async () => {
    app = await listenWith(() => (ctx) => {
      ctx.body = originOf(ctx);
    });
  });
  afterAll(() => app.close());

  it('gives every request an id of its own and never takes one from outside', async () => {
    const first = await app.ask('/', { headers: { 'X-Request-Id': 'req_chosen' } });
    const second = await app.ask('/', { headers: { 'X-Request-Id': 'req_chosen' } });

    expect(first.headers['x-request-id']).toMatch(/^req_[\w-]{22}$/);
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
    expect(JSON.parse(first.text)).toEqual({
      requestId: first.headers['x-request-id'],
      network: '127.0.0.1',
    });
  });

  it('G13: logs one line for a request, without its query, its headers and what looks like a token', async () => {
    const secret = 'Zk3vQ9dX0aB1cD2eF3gH4iJ5';
    const { headers } = await app.ask(`/interaction/${secret}/consent?code=${secret}`, {
      headers: { Authorization: `Bearer ${secret}`, Cookie: `gatehouse_session=${secret}` },
    });
    const lines = app.log.filter((line) => line['request_id'] === headers['x-request-id']);

    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        request_id: headers['x-request-id'],
        network: '127.0.0.1',
        method: 'GET',
        path: '/interaction/:id/consent',
        status: 200,
        ms: expect.any(Number),
        msg: 'request',
      },
    ]);
    expect(JSON.stringify(app.log)).not.toContain(secret);
  });

  it('V1: a line break in a path stays within its line', async () => {
    const { headers } = await app.ask('/a%0d%0ab%1b[31m');
    const [line] = app.log.filter((entry) => entry['request_id'] === headers['x-request-id']);

    expect(line?.['path']).toBe('/a%0d%0ab%1b[31m');
  });
});

describe('the address of the caller', () => {
  const trusting = createClientAddress(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']);

  it.each([
    ['203.0.113.9', '1.2.3.4', '203.0.113.9', 'the peer is not a proxy of ours'],
    ['10.1.2.3', undefined, '10.1.2.3', 'the proxy says nothing'],
    ['10.1.2.3', '198.51.100.7', '198.51.100.7', 'one proxy'],
    ['10.1.2.3', '6.6.6.6, 198.51.100.7', '198.51.100.7', 'what the caller itself claims is not believed'],
    ['10.1.2.3', '198.51.100.7, 192.0.2.1', '198.51.100.7', 'two proxies'],
    ['10.1.2.3', '198.51.100.7, evil, 192.0.2.1', '192.0.2.1', 'nothing beyond what is no address'],
    ['::ffff:10.1.2.3', '198.51.100.7:4711', '198.51.100.7', 'IPv4-mapped peer, port in the header'],
    ['2001:db8::1', '[2001:DB9::7]:443', '2001:db9::7', 'IPv6'],
  ] as readonly (readonly [string, string | undefined, string, string])[])(
    'A15: %s reporting %s is %s (%s)',
    (peer, forwarded, expected) => {
      expect(trusting(peer, forwarded)).toBe(expected);
    },
  );

  it('A15: with no trusted proxy the header is never believed', () => {
    expect(createClientAddress([])('127.0.0.1', '198.51.100.7')).toBe('127.0.0.1');
  });

  it.each(['example.com', '10.0.0.0/33', '10.0.0.0/8/8', ''])('refuses the trusted proxy %j', (entry) => {
    expect(() => createClientAddress([entry])).toThrow(TypeError);
  });
});
