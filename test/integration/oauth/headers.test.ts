import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAgent } from '../../support/agent.ts';
import { requestQuery } from '../../support/authorization.ts';
import { addPerson, basic, obtainCode, post, signedIn } from '../../support/flow.ts';
import { freePort } from '../../support/free-port.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let behindTls: TestServer;
let port: number;

const ISSUER = 'https://auth.example.com';

beforeAll(async () => {
  server = await startTestServer();
  port = await freePort();
  behindTls = await startTestServer({
    GATEHOUSE_ISSUER: ISSUER,
    GATEHOUSE_LISTEN: `127.0.0.1:${port}`,
    GATEHOUSE_THROTTLE: 'on',
  });
});

afterAll(() => Promise.all([server.stop(), behindTls.stop()]));

describe('caching', () => {
  it('G12: no cache keeps what the endpoints for programs say, right or wrong', async () => {
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const auth = basic(clientId, clientSecret);
    const { code, verifier } = await obtainCode(server, agent, clientId);
    const grant = { grant_type: 'authorization_code', code, code_verifier: verifier };
    const tokens = await post(server, '/token', grant, auth);
    const token = tokens.body.access_token ?? '';
    const answers = [
      tokens,
      await post(server, '/token', grant, auth),
      await post(server, '/token', {}),
      await post(server, '/token', grant, basic(clientId, 'wrong')),
      await post(server, '/introspect', { token }, auth),
      await post(server, '/introspect', { token: 'x' }, auth),
      await post(server, '/introspect', {}),
      await post(server, '/revoke', { token: 'x' }, auth),
      await post(server, '/revoke', {}),
      await post(server, '/register', {}),
    ];
    for (const { status, headers } of answers) {
      expect(headers.get('cache-control'), String(status)).toContain('no-store');
    }
  });

  it.each([
    '/authorize',
    '/authorize/x',
    '/interaction/x',
    '/session/end',
    '/register',
    '/token',
    '/nowhere',
  ])('G12: no cache keeps the refusal at %s', async (path) => {
    for (const accept of ['text/html', 'application/json']) {
      const response = await fetch(`${server.issuer}${path}`, { headers: { accept }, redirect: 'manual' });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.headers.get('cache-control')).toContain('no-store');
    }
  });

  it('G12: no cache keeps a step of an authorization, whatever the browser accepts', async () => {
    const { clientId } = await addTestClient(server);
    for (const accept of ['text/html', '*/*', 'application/json', 'image/png']) {
      const started = await fetch(`${server.issuer}/authorize?${requestQuery(clientId)}`, {
        headers: { accept },
        redirect: 'manual',
      });
      expect(started.status).toBe(303);
      expect(started.headers.get('cache-control')).toContain('no-store');
      const cookie = started.headers
        .getSetCookie()
        .map((line) => line.split(';')[0])
        .join('; ');
      const next = await fetch(new URL(started.headers.get('location') ?? '', server.issuer), {
        headers: { accept, cookie },
        redirect: 'manual',
      });
      expect(next.status).toBe(303);
      expect(next.headers.get('cache-control')).toContain('no-store');
    }
  });
});

/** A request as the proxy in front of the server would pass it on. */
function pass(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number | undefined;
    headers: Readonly<Record<string, string | string[] | undefined>>;
  }>();
  const sent = request(
    {
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { host: new URL(ISSUER).host, accept: 'text/html', ...headers },
    },
    (response) => {
      response.resume();
      resolve({ status: response.statusCode, headers: response.headers });
    },
  );
  sent.on('error', reject);
  sent.end();
  return promise;
}

describe('an https issuer behind a proxy', () => {
  it('M6, MCP 31: the cookies of the way are Secure and named so, whatever the proxy says of the scheme', async () => {
    const { clientId } = await addTestClient(behindTls);
    for (const said of [{}, { 'x-forwarded-proto': 'http' }, { 'x-forwarded-proto': 'https' }] as const) {
      const { status, headers } = await pass(`/authorize?${requestQuery(clientId)}`, said);
      expect(status).toBe(303);
      expect(headers['location']).toMatch(/^\/interaction\//);
      const cookies = [headers['set-cookie'] ?? []].flat();
      expect(cookies.length).toBeGreaterThan(0);
      for (const cookie of cookies) {
        expect(cookie).toMatch(/^__Secure-gatehouse_/);
        expect(cookie).toMatch(/; secure/i);
        expect(cookie).toMatch(/; httponly/i);
        expect(cookie).toMatch(/; samesite=lax/i);
        expect(cookie).not.toMatch(/domain=/i);
      }
      expect(headers['strict-transport-security']).toMatch(/max-age=/);
    }
  });

  it('A15: the way back is the issuer’s, and a foreign host is misdirected', async () => {
    const { clientId } = await addTestClient(behindTls);
    const { headers } = await pass(`/authorize?${requestQuery(clientId, { prompt: 'none' })}`, {
      'x-forwarded-host': 'evil.example',
    });
    expect(new URL(String(headers['location'])).searchParams.get('iss')).toBe(ISSUER);
    expect((await pass('/authorize', { host: 'evil.example' })).status).toBe(421);
    expect((await pass('/authorize', { host: `127.0.0.1:${port}` })).status).toBe(421);
  });

  it('MCP 7, L1: neither registration nor documents are open there unless somebody opens them', async () => {
    const { status } = await pass('/register', {}, 'POST');
    expect(status).toBe(403);
  });
});
