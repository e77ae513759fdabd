import { describe, expect, it, vi } from 'vitest';

import { fetchClientDocument, isDocumentUrl, MAX_DOCUMENT } from './client-document.ts';

const URL_OF_IT = 'https://app.example/oauth/client.json';
const DOCUMENT = {
  client_id: URL_OF_IT,
  client_name: 'App',
  redirect_uris: ['http://127.0.0.1/callback'],
};

const json = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json', ...headers } });

/** A web that answers one after the other, and a clock that stands still until told. */
function setUp(...answers: readonly (() => Response | Promise<Response>)[]) {
  let time = 0;
  let at = 0;
  const web = vi.fn(async (_url: string | URL | Request, _options?: RequestInit) => {
    const answer = answers[Math.min(at, answers.length - 1)];
    at += 1;
    if (!answer) throw new Error('no answer');
    return answer();
  });
  const fetch = fetchClientDocument(web, { now: () => time });
  return {
    web,
    ask: async () =>
      (await fetch(URL_OF_IT, { redirect: 'manual' })).json() as Promise<Record<string, unknown>>,
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  };
}

describe('isDocumentUrl', () => {
  it.each([
    'https://claude.ai/oauth/claude-code-client-metadata',
    'https://app.example:8443/client.json',
    'https://app.example/a%20b',
    'https://app.example/client.json?v=1',
  ])('K3: takes %s', (url) => expect(isDocumentUrl(url)).toBe(true));

  it.each([
    'http://app.example/client.json',
    'https://app.example',
    'https://app.example/',
    'HTTPS://app.example/client.json',
    'https://APP.example/client.json',
    'https://app.example:443/client.json',
    'https://app.example/./client.json',
    'https://app.example/a/../client.json',
    'https://app.example/%2e%2e/client.json',
    'https://app.example/a%2fb',
    'https://app.example/a%5cb',
    'https://app.example\\client.json',
    'https://app.example/client.json#x',
    'https://app.example/client.json#',
    'https://user@app.example/client.json',
    'https://user:pw@app.example/client.json',
    'https://@app.example/client.json',
    ' https://app.example/client.json',
    'https://app.example/client.json\n',
    'https://app.example/cli ent.json',
    'https://äpp.example/client.json',
    'https://2130706433/client.json',
    'https:app.example/client.json',
    'javascript:alert(1)',
    'cli_abc',
    `https://app.example/${'a'.repeat(2048)}`,
  ])('K3: refuses %j', (url) => expect(isDocumentUrl(url)).toBe(false));
});

describe('fetchClientDocument', () => {
  it('MCP 53: leaves out what is not served, and http where it would only be shown', async () => {
    const { ask } = setUp(() =>
      json({
        ...DOCUMENT,
        grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
        logo_uri: 'http://app.example/logo.png',
        client_uri: 'https://app.example/',
        scope: 'everything',
        token_endpoint_auth_methods_supported: ['none'],
        x_unknown: { deep: true },
      }),
    );
    expect(await ask()).toEqual({
      ...DOCUMENT,
      application_type: 'native',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      client_uri: 'https://app.example/',
    });
  });

  it.each([
    ['text/html', () => new Response(JSON.stringify(DOCUMENT), { headers: { 'content-type': 'text/html' } })],
    ['K2, MCP 47: a trailing slash in client_id', () => json({ ...DOCUMENT, client_id: `${URL_OF_IT}/` })],
    [
      'K2: another case in client_id',
      () => json({ ...DOCUMENT, client_id: URL_OF_IT.replace('app', 'App') }),
    ],
    [
      'K2: the default port in client_id',
      () => json({ ...DOCUMENT, client_id: URL_OF_IT.replace('.example', '.example:443') }),
    ],
    [
      'K2: percent-encoding in client_id',
      () => json({ ...DOCUMENT, client_id: URL_OF_IT.replace('oauth', '%6Fauth') }),
    ],
    ['MCP 48: no name', () => json({ ...DOCUMENT, client_name: undefined })],
    ['MCP 48: no redirects', () => json({ ...DOCUMENT, redirect_uris: [] })],
    ['MCP 52, K5: a secret', () => json({ ...DOCUMENT, client_secret: 'x' })],
    [
      'MCP 52: a method with a secret',
      () => json({ ...DOCUMENT, token_endpoint_auth_method: 'client_secret_post' }),
    ],
    ['B2: a redirect that is a script', () => json({ ...DOCUMENT, redirect_uris: ['javascript:alert(1)'] })],
    [
      'MCP 51: a redirect to elsewhere',
      () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } }),
    ],
    ['a failure', () => json({ error: 'x' }, {}) && new Response('{}', { status: 500 })],
    ['a broken connection', () => Promise.reject(new Error('reset'))],
  ] as const)('refuses %s', async (_what, answer) => {
    await expect(setUp(answer).ask()).rejects.toThrow();
  });

  it('MCP 51: follows nothing and stops reading when there is too much', async () => {
    let sent = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 1024;
            controller.enqueue(new Uint8Array(1024).fill(0x20));
          },
        }),
        { headers: { 'content-type': 'application/json' } },
      );
    const { ask, web } = setUp(endless);
    await expect(ask()).rejects.toThrow(/more than/);
    expect(sent).toBeLessThan(MAX_DOCUMENT * 2);
    expect(web.mock.calls[0]?.[1]).toMatchObject({ redirect: 'manual' });
  });

  it('MCP 56: a failure is no answer for good: after ten seconds the URL is asked again', async () => {
    const { ask, pass, web } = setUp(
      () => new Response('{}', { status: 500 }),
      () => json(DOCUMENT),
    );
    await expect(ask()).rejects.toThrow(/status 500/);
    pass(9);
    await expect(ask()).rejects.toThrow(/a moment ago/);
    expect(web).toHaveBeenCalledTimes(1);
    pass(2);
    expect(await ask()).toMatchObject({ client_name: 'App' });
    expect(web).toHaveBeenCalledTimes(2);
  });

  it('MCP 50, MCP 56: meanwhile the last good copy stands, and not for ever', async () => {
    const { ask, pass, web } = setUp(
      () => json(DOCUMENT),
      () => new Response('{}', { status: 500 }),
    );
    await ask();
    expect(await ask()).toMatchObject({ client_name: 'App' });
    expect(await ask()).toMatchObject({ client_name: 'App' });
    expect(web).toHaveBeenCalledTimes(2);
    pass(3600);
    await expect(ask()).rejects.toThrow();
  });

  it('hands on what the server says about caching, and of its other headers nothing', async () => {
    const fetch = fetchClientDocument(async () =>
      json(DOCUMENT, { 'cache-control': 'max-age=600', 'set-cookie': 'a=b', 'x-other': 'c' }),
    );
    const { headers } = await fetch(URL_OF_IT, { redirect: 'manual' });
    expect(Object.fromEntries(headers)).toEqual({
      'cache-control': 'max-age=600',
      'content-type': 'application/json',
    });
  });

  it('passes a key set as it came, whatever it is called', async () => {
    const keys = { keys: [{ kty: 'RSA', n: 'n', e: 'AQAB' }] };
    const fetch = fetchClientDocument(
      async () => new Response(JSON.stringify(keys), { headers: { 'content-type': 'text/plain' } }),
    );
    expect(await (await fetch('https://app.example/jwks.json')).json()).toEqual(keys);
  });
});
