import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startTestServer, type TestServer } from '../../support/server.ts';

describe.each(['', '/t1'])('documents of an issuer with the path "%s"', (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({}, path === '' ? {} : { path });
  });
  afterAll(() => server.stop());

  const documents = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
    `${path}/.well-known/oauth-authorization-server`,
    `${path}/jwks`,
  ];

  const ask = async (address: string, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(address, server.issuer), { headers });
    const { date, 'x-request-id': id, ...rest } = Object.fromEntries(response.headers);
    expect(date).toBeTruthy();
    expect(id).toMatch(/^req_/);
    return { status: response.status, headers: rest, text: await response.text() };
  };

  it.each(documents)('%s is the same by the short way and by the long one', async (address) => {
    const short = await ask(address);
    const long = await ask(address, { range: 'bytes=0-' });

    expect(short).toEqual(long);
    expect(short.status).toBe(200);
    expect(Object.keys(short.headers)).toEqual(
      expect.arrayContaining(['content-security-policy', 'x-content-type-options', 'etag', 'cache-control']),
    );
    expect(short.headers['access-control-allow-origin']).toBe('*');
  });

  it('both ways count under the same route', async () => {
    const address = `${path}/jwks`;
    const counted = async () => {
      const text = await (await fetch(`${server.internal}/metrics`)).text();
      const line = /^gatehouse_http_requests_total\{route="\/jwks",method="GET",status="200"\} (\d+)/m;
      return Number(line.exec(text)?.[1] ?? 0);
    };
    const before = await counted();
    await ask(address);
    await ask(address, { range: 'bytes=0-' });
    expect(await counted()).toBe(before + 2);
  });
});
