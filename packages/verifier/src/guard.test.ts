import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough, Readable } from 'node:stream';

import expressApp from 'express';
import Koa from 'koa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startIssuer, type TestIssuer } from '../test/issuer.ts';

import { express, type GuardedRequest } from './express.ts';
import { fetchHandler } from './fetch.ts';
import type { GuardOptions } from './guard.ts';
import { koa } from './koa.ts';
import { verifiedToken } from './mcp.ts';
import { createVerifier } from './verifier.ts';

const resource = 'https://files.example/mcp';
const metadataUrl = 'https://files.example/.well-known/oauth-protected-resource/mcp';
const tools = [
  { name: 'read', scopes: ['files:read'] },
  { name: 'write', scopes: ['files:write'] },
  { name: 'move', scopes: ['files:write', 'files:move'] },
];

const eventStream = { 'content-type': 'text/event-stream' };

/** Each framework with a server behind the guard that says who called with what. */
const frameworks: Readonly<Record<string, (options: GuardOptions) => RequestListener>> = {
  express(options) {
    const app = expressApp();
    app.use(express(options));
    app.use((request, response) => {
      const { auth } = request as GuardedRequest;
      if (auth === undefined) response.end('open');
      else if (request.url === '/mcp/stream') response.writeHead(200, eventStream).write('data: 1\n\n');
      else response.json({ subject: verifiedToken(auth).subject, body: request.body });
    });
    return app;
  },

  koa(options) {
    const app = new Koa();
    app.silent = true;
    app.use(koa(options));
    app.use((ctx) => {
      const { auth } = ctx.req as GuardedRequest;
      const { body } = ctx.request as { body?: unknown };
      if (ctx.url === '/mcp/stream') {
        ctx.set(eventStream);
        const stream = new PassThrough();
        stream.write('data: 1\n\n');
        ctx.body = stream;
        return;
      }
      ctx.body = auth === undefined ? 'open' : { subject: verifiedToken(auth).subject, body };
    });
    return app.callback();
  },

  fetch(options) {
    const handler = fetchHandler(
      options,
      async (request, { token, authInfo, parsedBody }) => {
        expect(verifiedToken(authInfo)).toBe(token);
        if (request.url.endsWith('/mcp/stream')) {
          const start = (stream: ReadableStreamDefaultController) => {
            stream.enqueue(new TextEncoder().encode('data: 1\n\n'));
          };
          return new Response(new ReadableStream({ start }), { headers: eventStream });
        }
        const text = await request.text();
        const body = text === '' ? undefined : JSON.parse(text);
        if (parsedBody !== undefined) expect(body).toEqual(parsedBody);
        return Response.json({ subject: token.subject, body });
      },
      () => new Response('open'),
    );
    return async (incoming, outgoing) => {
      const { method = 'GET', url } = incoming;
      const headers = new Headers();
      for (const [header, values = []] of Object.entries(incoming.headersDistinct)) {
        for (const value of values) headers.append(header, value);
      }
      const body = method === 'POST' ? (Readable.toWeb(incoming) as ReadableStream) : null;
      const request = new Request(`http://localhost${url}`, {
        method,
        headers,
        body,
        duplex: 'half',
      });
      const response = await handler(request);
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    };
  },
};

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer({ resource });
});
afterAll(() => issuer.close());

describe.each(Object.entries(frameworks))('a server guarded with %s', (_, framework) => {
  let url: string;
  let stop: () => Promise<unknown>;

  async function start(options: Partial<GuardOptions> = {}) {
    const verifier = createVerifier({ issuer: issuer.issuer, resource });
    const guarded = framework({ verifier, scopes: ['files:read'], name: 'Files', tools, ...options });
    const server = createServer(guarded);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stop = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  }
  beforeEach(() => start());
  afterEach(() => stop());

  async function post(body: unknown, headers: Record<string, string> = {}, path = '/mcp') {
    const token = await issuer.token();
    return fetch(url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }
  const call = (tool: unknown, id: unknown = 7) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: tool },
  });
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} };

  it('MCP R1: MCP R2: publishes its metadata at the inserted path and at the root, and names them in the challenge', async () => {
    for (const path of ['', '/mcp']) {
      const response = await fetch(`${url}/.well-known/oauth-protected-resource${path}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toContain('application/json');
      expect(await response.json()).toMatchObject({ resource, authorization_servers: [issuer.issuer] });
    }
    const refused = await fetch(`${url}/mcp`, { method: 'POST' });
    expect(refused.headers.get('www-authenticate')).toContain(`resource_metadata="${metadataUrl}"`);
  });

  it('T10: the metadata that a 401 points to name the very URL that was asked', async () => {
    const refused = await fetch(`${url}/mcp`);
    const header = refused.headers.get('www-authenticate') ?? '';
    const address = new URL(/resource_metadata="([^"]+)"/.exec(header)?.[1] ?? '');
    const metadata = await (await fetch(url + address.pathname)).json();
    expect(metadata).toMatchObject({ resource });
  });

  it('MCP R4: MCP R6: answers 401 without error, with the scopes to ask for, when there is no token', async () => {
    for (const body of [initialize, { jsonrpc: '2.0', id: 2, method: 'tools/list' }]) {
      const response = await fetch(`${url}/mcp`, { method: 'POST', body: JSON.stringify(body) });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer scope="files:read", resource_metadata="${metadataUrl}"`,
      );
    }
  });

  it.each(['garbage', 'a.b.c'])('MCP R6: answers 401 invalid_token to the token %s', async (token) => {
    const response = await post(initialize, { authorization: `Bearer ${token}` });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(
      /^Bearer error="invalid_token", error_description="/,
    );
    expect(await response.json()).toMatchObject({ error: 'invalid_token' });
  });

  it('MCP R6: answers 401 to a token that expired, and says so', async () => {
    const past = Math.floor(Date.now() / 1000) - 600;
    const expired = await issuer.token({ iat: past, exp: past + 300 });
    const response = await post(initialize, { authorization: `Bearer ${expired}` });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain(
      'error_description="The access token expired"',
    );
  });

  it('MCP R10: G4: accepts no token from the query', async () => {
    const token = await issuer.token();
    const alone = await fetch(`${url}/mcp?access_token=${token}`, { method: 'POST' });
    expect(alone.status).toBe(401);
    expect((await post(initialize, {}, `/mcp?access_token=${token}`)).status).toBe(400);
    expect((await post(initialize, {}, `/mcp?a?b&access_token=${token}`)).status).toBe(400);
  });

  it('MCP R14: answers 400 to a malformed Authorization header', async () => {
    const response = await post(initialize, { authorization: 'Bearer two tokens' });
    expect(response.status).toBe(400);
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_request"');
  });

  it('lets a good token through, with the body', async () => {
    const response = await post(initialize);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ subject: 'usr_ana', body: initialize });
  });

  it('lets a good token through on GET, where there is no body', async () => {
    const headers = { authorization: `Bearer ${await issuer.token()}` };
    const response = await fetch(`${url}/mcp`, { headers });
    expect(await response.json()).toEqual({ subject: 'usr_ana' });
  });

  it('MCP R11: MCP R12: MCP R15: answers 403 with the union of scopes when a tool takes more', async () => {
    const response = await post(call('move'));
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", ' +
        'error_description="This takes the scope files:write files:move", ' +
        `scope="files:read files:write files:move", resource_metadata="${metadataUrl}"`,
    );
    expect(await response.json()).toMatchObject({ error: 'insufficient_scope' });
  });

  it('MCP R11: finds the call that takes more in a batch, and behind another content type', async () => {
    expect((await post([call('read'), call('write')])).status).toBe(403);
    expect((await post(call('write'), { 'content-type': 'text/plain' })).status).toBe(403);
  });

  it('lets a call through whose scopes the token has', async () => {
    expect((await post(call('read'))).status).toBe(200);
  });

  it('X4: knows no tool that the catalogue does not have, whatever it is called', async () => {
    for (const tool of ['delete', '__proto__', 'constructor', 7]) {
      const response = await post(call(tool));
      expect(await response.json()).toMatchObject({ id: 7, error: { code: -32602 } });
    }
    expect((await post(call('delete', { a: 1 }))).status).toBe(400);
    expect((await post([call('read'), call('delete')])).status).toBe(400);
  });

  it('refuses a body that it cannot judge', async () => {
    expect((await post('{"method": ')).status).toBe(400);
    expect((await post(initialize, { 'content-encoding': 'gzip' })).status).toBe(415);
    await stop();
    await start({ maxBodySize: 100 });
    expect((await post({ filler: 'x'.repeat(200) })).status).toBe(413);
    const endless = new Response('x'.repeat(200)).body;
    const headers = { authorization: `Bearer ${await issuer.token()}` };
    const streamed = await fetch(`${url}/mcp`, { method: 'POST', headers, body: endless, duplex: 'half' });
    expect(streamed.status).toBe(413);
  });

  it('MCP R16, REP-F7: answers preflights without a token, allows every header that they name, and lets every answer be read in a browser', async () => {
    const headers = {
      origin: 'http://localhost:6274',
      'access-control-request-headers': 'authorization,mcp-param-region,x-tenant-id',
    };
    const response = await fetch(`${url}/mcp`, { method: 'OPTIONS', headers });
    expect(response.status).toBe(204);
    const allowed = response.headers.get('access-control-allow-headers')?.split(', ');
    expect(allowed).toEqual(
      'authorization content-type mcp-protocol-version mcp-session-id mcp-method mcp-name last-event-id dpop mcp-param-region x-tenant-id'.split(
        ' ',
      ),
    );
    for (const answer of [
      response,
      await fetch(`${url}/mcp`),
      await post(call('write')),
      await post(initialize),
    ]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(answer.headers.get('access-control-expose-headers')).toContain(
        'WWW-Authenticate, Mcp-Session-Id',
      );
    }
  });

  it('MCP R17: refuses pages of foreign origins, preflights included, and still shows them its metadata', async () => {
    const origin = 'https://evil.example';
    expect((await post(initialize, { origin })).status).toBe(403);
    expect((await fetch(`${url}/mcp`, { method: 'OPTIONS', headers: { origin } })).status).toBe(403);
    const metadata = await fetch(`${url}/.well-known/oauth-protected-resource`, { headers: { origin } });
    expect(metadata.status).toBe(200);
  });

  it('MCP R18: passes the metadata of the authorization server through', async () => {
    const response = await fetch(`${url}/.well-known/oauth-authorization-server`);
    expect(await response.json()).toEqual(issuer.behaviour.metadata);
    const wrong = await fetch(`${url}/.well-known/oauth-authorization-server`, { method: 'POST' });
    expect(wrong.status).toBe(405);
  });

  describe('with legacy endpoints', () => {
    const authorizationServer = { registration_endpoint: 'https://auth.example/register?tenant=a' };

    beforeEach(async () => {
      await stop();
      issuer.behaviour.metadata = {
        ...issuer.behaviour.metadata,
        authorization_endpoint: 'https://auth.example/authorize',
        ...authorizationServer,
      };
      await start({ path: '/mcp', legacyEndpoints: true });
    });
    afterEach(() => {
      const { issuer: name, jwks_uri, token_endpoint } = issuer.behaviour.metadata;
      issuer.behaviour.metadata = { issuer: name, jwks_uri, token_endpoint };
    });
    const ask = (path: string, init: RequestInit = {}) => fetch(url + path, { redirect: 'manual', ...init });
    const locationOf = async (path: string, init?: RequestInit) => {
      const { status, headers } = await ask(path, init);
      expect(headers.get('cache-control')).toBe('no-store');
      return [status, headers.get('location')];
    };

    it('MCP 15: sends the browser on, byte for byte, and names the server that the client does not', async () => {
      const query = 'client_id=cli_1&state=%2B+%20&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb';
      const named = `resource=${encodeURIComponent(resource)}`;
      expect(await locationOf(`/authorize?${query}`)).toEqual([
        302,
        `https://auth.example/authorize?${query}&${named}`,
      ]);
      expect(await locationOf('/authorize')).toEqual([302, `https://auth.example/authorize?${named}`]);
      const own = 'resource=https%3A%2F%2Fother.example';
      expect(await locationOf(`/authorize?${own}`)).toEqual([302, `https://auth.example/authorize?${own}`]);
    });

    it('MCP 15: sends programs on with method and body, and reads nothing of them', async () => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'secret' });
      expect(await locationOf('/token', { method: 'POST', body })).toEqual([307, `${issuer.issuer}/token`]);
      expect(await locationOf('/register', { method: 'POST', body: '{}' })).toEqual([
        307,
        authorizationServer.registration_endpoint,
      ]);
    });

    it('MCP R18: has the metadata lead there first, and says the rest as it is', async () => {
      const published = await (await ask('/.well-known/oauth-authorization-server')).json();
      expect(published).toEqual({
        ...issuer.behaviour.metadata,
        authorization_endpoint: 'https://files.example/authorize',
      });
    });

    it('answers other methods with 405, preflights, and what is not offered with 404', async () => {
      for (const [path, method, allow] of [
        ['/authorize', 'POST', 'GET, OPTIONS'],
        ['/token', 'GET', 'POST, OPTIONS'],
        ['/register', 'PUT', 'POST, OPTIONS'],
      ] as const) {
        const response = await ask(path, { method });
        expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
        expect(response.headers.get('access-control-allow-origin')).toBe('*');
        expect((await ask(path, { method: 'OPTIONS' })).status).toBe(204);
      }
      await stop();
      const { registration_endpoint: _, ...without } = issuer.behaviour.metadata;
      issuer.behaviour.metadata = { ...without, authorization_endpoint: 'javascript:alert(1)' };
      await start({ legacyEndpoints: true });
      expect((await ask('/register', { method: 'POST' })).status).toBe(404);
      expect((await ask('/authorize')).status).toBe(404);
      issuer.behaviour.metadata = { ...without, authorization_endpoint: 'http://auth.example/authorize' };
      await stop();
      await start({ legacyEndpoints: true });
      expect((await ask('/authorize')).status).toBe(404);
    });

    it('leaves every other path to the server, and 503 to an authorization server that is out', async () => {
      for (const path of ['/tokens', '/token/', '/x/token', '/authorize/x', '/TOKEN']) {
        expect(await (await ask(path)).text()).toBe('open');
      }
      await stop();
      await start({
        legacyEndpoints: true,
        verifier: createVerifier({ issuer: 'http://127.0.0.1:9', resource }),
      });
      expect((await ask('/token', { method: 'POST' })).status).toBe(503);
    });
  });

  it('leaves the paths of legacy endpoints to the server unless it is told otherwise', async () => {
    await stop();
    await start({ path: '/mcp' });
    for (const path of ['/authorize', '/token', '/register'])
      expect(await (await fetch(url + path)).text()).toBe('open');
    const unsure = { verifier: createVerifier({ issuer: issuer.issuer, resource }), scopes: [], tools };
    expect(() => framework({ ...unsure, rootMetadata: false, legacyEndpoints: true })).toThrow(TypeError);
  });

  it('MCP R19: as one of several, guards its own path only and says nothing at the root', async () => {
    await stop();
    await start({ path: '/mcp', rootMetadata: false });
    expect((await fetch(`${url}/.well-known/oauth-protected-resource/mcp`)).status).toBe(200);
    expect(await (await fetch(`${url}/.well-known/oauth-protected-resource`)).text()).toBe('open');
    expect(await (await fetch(`${url}/other`)).text()).toBe('open');
    for (const path of ['/mcp', '/MCP', '//mcp', '/%6dcp/x'])
      expect((await fetch(url + path)).status).toBe(401);
  });

  it('answers 503 and never 401 while nobody can tell', async () => {
    await stop();
    await start({
      verifier: createVerifier({ issuer: issuer.issuer, resource, jwksUri: 'http://127.0.0.1:9/' }),
    });
    const response = await post(initialize);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(response.headers.get('www-authenticate')).toBeNull();
  });

  it('answers 503 for the metadata of an authorization server that is out', async () => {
    await stop();
    await start({ verifier: createVerifier({ issuer: 'http://127.0.0.1:9', resource }) });
    expect((await fetch(`${url}/.well-known/oauth-authorization-server`)).status).toBe(503);
  });

  it('SEC-M9: refuses a token that is bound to a key when it comes as a bearer token', async () => {
    const bound = await issuer.token({ cnf: { jkt: 'thumb' } });
    expect((await post(initialize, { authorization: `Bearer ${bound}` })).status).toBe(401);
  });

  it('T13: an event stream ends when the token that opened it does', async () => {
    const ahead = () => Date.now() + 328_800;
    const verifier = createVerifier({ issuer: issuer.issuer, resource, now: ahead });
    await stop();
    await start({ verifier });
    const headers = { authorization: `Bearer ${await issuer.token()}` };
    const response = await fetch(`${url}/mcp/stream`, { headers });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('data: 1\n\n');
  });

  it.each(['*/*', 'a b', 'x'.repeat(101), 'x-a,,x-b', ''])(
    'REP-F7: allows the usual headers when a preflight names %j',
    async (names) => {
      const response = await fetch(`${url}/mcp`, {
        method: 'OPTIONS',
        headers: { 'access-control-request-headers': names },
      });
      expect(response.headers.get('access-control-allow-headers')).toMatch(/last-event-id, dpop$/);
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    },
  );

  it('SEC-M9: a token without the scopes of the server reaches nothing of it', async () => {
    const authorization = `Bearer ${await issuer.token({ scope: 'files:write' })}`;
    const methods = ['initialize', 'resources/read', 'prompts/get', 'completion/complete', 'tools/list'];
    for (const body of [...methods.map((method) => ({ jsonrpc: '2.0', id: 1, method })), call('write')]) {
      const response = await post(body, { authorization });
      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toContain('scope="files:write files:read"');
    }
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      expect((await fetch(`${url}/mcp`, { method, headers: { authorization } })).status).toBe(403);
    }
    const broad = { 'files:write': ['files:read'] };
    await stop();
    await start({ hierarchy: broad });
    expect((await post(initialize, { authorization })).status).toBe(200);
  });

  it('SEC-M9: refuses methods without a rule, and HTTP methods that the transport does not have', async () => {
    const unknown = await post({ jsonrpc: '2.0', id: 5, method: 'admin/export' });
    expect([unknown.status, await unknown.json()]).toEqual([
      200,
      { jsonrpc: '2.0', id: 5, error: { code: -32601, message: 'Method not found' } },
    ]);
    expect((await post({ jsonrpc: '2.0', method: 'notifications/unknown' })).status).toBe(400);
    expect((await post([initialize, { jsonrpc: '2.0', id: 5, method: 'admin/export' }])).status).toBe(400);
    expect((await post({ hello: 'world' })).status).toBe(400);
    const headers = { authorization: `Bearer ${await issuer.token()}` };
    for (const method of ['PUT', 'PATCH', 'QUERY']) {
      const refused = await fetch(`${url}/mcp`, { method, headers, body: JSON.stringify(call('write')) });
      expect([refused.status, refused.headers.get('allow')]).toEqual([
        405,
        'GET, HEAD, POST, DELETE, OPTIONS',
      ]);
    }
  });

  it('SEC-M9: holds a method to the scopes of its rule', async () => {
    await stop();
    await start({ methods: { 'resources/read': ['files:all'], 'acme/export': [] } });
    const read = await post({ jsonrpc: '2.0', id: 1, method: 'resources/read' });
    expect(read.status).toBe(403);
    expect(read.headers.get('www-authenticate')).toContain('scope="files:read files:all"');
    expect((await post({ jsonrpc: '2.0', id: 1, method: 'acme/export' })).status).toBe(200);
  });

  it('SEC-M9: without a catalogue starts only with allowUncatalogued', async () => {
    const verifier = createVerifier({ issuer: issuer.issuer, resource });
    expect(() => framework({ verifier, scopes: ['files:read'] })).toThrow(/tool catalogue/);
    await stop();
    await start({ tools: [] });
    expect(await (await post(call('read'))).json()).toMatchObject({ error: { message: 'Unknown tool' } });
    await stop();
    await start({ tools: [{ name: 'write', scopes: ['files:write'] }], allowUncatalogued: true });
    expect((await post(call('anything'))).status).toBe(200);
    expect((await post(call('write'))).status).toBe(403);
  });

  it('NEW-7: refuses a mistyped option by name', () => {
    const verifier = createVerifier({ issuer: issuer.issuer, resource });
    const mistyped = { verifier, scopes: [], tools, allowedOrigin: ['https://a.example'] } as GuardOptions;
    expect(() => framework(mistyped)).toThrow('no option "allowedOrigin". Did you mean "allowedOrigins"?');
  });

  it('refuses two Authorization headers', async () => {
    const token = await issuer.token();
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /mcp HTTP/1.1\r\nhost: a\r\nconnection: close\r\n`);
    socket.write(`authorization: Bearer ${token}\r\nauthorization: Bearer ${token}\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe('behind a body parser', () => {
  /** What a call beyond the token is answered when something before the guard has seen the request. */
  const statusAfter = async (before: (request: GuardedRequest) => Promise<void>) => {
    const verifier = createVerifier({ issuer: issuer.issuer, resource });
    const guard = express({ verifier, scopes: [], tools });
    const server = createServer(async (request: GuardedRequest, response) => {
      await before(request);
      await guard(request, response, () => response.end(JSON.stringify(request.body)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const body = JSON.stringify({ method: 'tools/call', params: { name: 'write' } });
    const headers = { authorization: `Bearer ${await issuer.token()}` };
    const { status } = await fetch(url, { method: 'POST', headers, body });
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
    return status;
  };
  const read = async (request: GuardedRequest) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    return text;
  };

  it.each<[string, (text: string) => unknown]>([
    ['an object', JSON.parse],
    ['text', (text) => text],
    ['bytes', (text) => Buffer.from(text)],
  ])('judges what the parser made of the body: %s', async (_, parse) => {
    const status = await statusAfter(async (request) => {
      request.body = parse(await read(request));
    });
    expect(status).toBe(403);
  });

  it('judges the stream when the parser left an empty object and read nothing', async () => {
    const status = await statusAfter(async (request) => {
      request.body = {};
    });
    expect(status).toBe(403);
  });

  it('refuses a body that somebody read and kept', async () => {
    const status = await statusAfter(async (request) => {
      await read(request);
    });
    expect(status).toBe(400);
  });
});
