import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { newId } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import {
  askFor,
  expectRefusedOnPage,
  expectRefusedToClient,
  requestQuery,
} from '../../support/authorization.ts';
import { addPerson, allow, CALLBACK, signedIn } from '../../support/flow.ts';
import { addTestClient, FILES, MAIL, startTestServer, type TestServer } from '../../support/server.ts';

const EVIL = 'https://evil.example/steal';

let server: TestServer;
let clientId: string;
/** Somebody who is signed in, whose browser shows every redirect. */
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  clientId = (await addTestClient(server)).clientId;
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});

afterAll(() => server.stop());

describe('a request that cannot be answered to a client', () => {
  it('A1: an unknown client gets a page, and its redirect is neither followed nor shown', async () => {
    const unknown = newId('cli');
    const refused = await askFor(server, ada, unknown, { redirect_uri: EVIL });

    expectRefusedOnPage(refused, { reason: 'unknown_client', code: 'invalid_client' });
    expect(refused.value.html).not.toContain('evil.example');
    expect(refused.records[0]?.client).toBe(unknown);
  });

  it.each([
    ['a bad scope', { scope: 'a"b' }],
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['a bad response type', { response_type: 'token' }],
    ['a bad response mode', { response_mode: 'form_post' }],
    ['an unknown resource', { resource: 'https://nowhere.example/mcp' }],
    ['a bad prompt', { prompt: 'none login' }],
    ['prompt=none', { prompt: 'none' }],
    ['a request object', { request: 'eyJ.e30.' }],
    ['nothing else wrong', {}],
  ])('A12: %s is not told to a redirect that is not registered', async (_name, params) => {
    const refused = await askFor(server, ada, clientId, { redirect_uri: EVIL, ...params });

    expectRefusedOnPage(refused, { reason: 'redirect_uri', code: 'invalid_redirect_uri' });
    expect(refused.value.html).not.toContain('evil.example');
  });

  it.each(['client_id', 'redirect_uri'])('A3: a doubled %s is refused before any redirect', async (name) => {
    const good = name === 'client_id' ? clientId : CALLBACK;
    const evil = name === 'client_id' ? 'cli_evil' : EVIL;
    for (const values of [
      [good, evil],
      [evil, good],
      [good, good],
    ]) {
      expectRefusedOnPage(await askFor(server, ada, clientId, { [name]: values }), {
        reason: 'duplicate_param',
        code: 'invalid_request',
      });
    }
  });

  it.each([
    ['the good request in the query, the evil one in the body', 'query'],
    ['the evil request in the query, the good one in the body', 'body'],
    ['everything in the body', 'only'],
  ])('A4: a posted request is not read at all: %s', async (_name, where) => {
    const good = requestQuery(clientId);
    const evil = requestQuery(clientId, { redirect_uri: EVIL });
    const query = where === 'only' ? '' : `?${where === 'query' ? good : evil}`;
    const refused = await observe(server, () =>
      ada.post(`${server.issuer}/authorize${query}`, where === 'query' ? evil : good),
    );

    expectRefusedOnPage(refused, { reason: 'method', code: 'invalid_request' });
    expect(refused.value.html).not.toContain('evil.example');
  });

  it('A4: a body that comes with GET is not read', async () => {
    const { request } = await import('node:http');
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const body = requestQuery(clientId, { redirect_uri: EVIL, state: 'from-the-body' }).toString();
    const sent = request(
      `${server.issuer}/authorize?${requestQuery(clientId, { prompt: 'none' })}`,
      {
        method: 'GET',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        response.resume();
        resolve(response.headers.location);
      },
    );
    sent.on('error', reject);
    sent.end(body);
    const location = await promise;
    expect(location).toMatch(/^http:\/\/127\.0\.0\.1:53111\/callback\?/);
    expect(location).toContain('state=state-1');
  });

  it.each(['/authorize/', '/Authorize', '/AUTHORIZE/', '/authorize//'])(
    'A10: %s is not another way in, around the rules of /authorize',
    async (path) => {
      const query = requestQuery(clientId, { response_mode: 'fragment' });
      const {
        value: page,
        grants,
        codes,
      } = await observe(server, () => ada.get(`${server.issuer}${path}?${query}`));
      expect(page.status).toBe(404);
      expect(page.headers.get('location')).toBeNull();
      expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
    },
  );

  it('A10: HEAD neither starts nor completes an authorization', async () => {
    const head = await fetch(`${server.issuer}/authorize?${requestQuery(clientId)}`, {
      method: 'HEAD',
      redirect: 'manual',
    });
    expect(head.status).toBe(405);
    expect(head.headers.get('location')).toBeNull();
    const answer = await fetch(`${server.issuer}/authorize/whatever`, { method: 'HEAD', redirect: 'manual' });
    expect(answer.status).toBe(405);
  });

  it('A12: where nothing is under way, a resumption is no request, whatever its query says', async () => {
    const query = requestQuery(clientId);
    for (const uid of ['null', 'whatever']) {
      const {
        value: page,
        grants,
        codes,
      } = await observe(server, () => ada.get(`${server.issuer}/authorize/${uid}?${query}`));
      expect(page.status).toBe(400);
      expect(page.headers.get('location')).toBeNull();
      expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
    }
  });

  it('says how to start again when there is no client_id at all', async () => {
    expectRefusedOnPage(await askFor(server, ada, clientId, { client_id: undefined }), {
      reason: 'missing_param',
      code: 'invalid_request',
    });
  });
});

describe('a request that is refused to its client', () => {
  it.each(['token', 'id_token', 'code token', 'code id_token', 'none', 'CODE', 'code code'])(
    'A2: response_type=%s is unsupported and puts nothing into a fragment',
    async (responseType) => {
      expectRefusedToClient(await askFor(server, ada, clientId, { response_type: responseType }), server, {
        error: 'unsupported_response_type',
        reason: 'response_type',
      });
    },
  );

  it('A2: a missing response_type is invalid', async () => {
    expectRefusedToClient(await askFor(server, ada, clientId, { response_type: undefined }), server, {
      error: 'invalid_request',
      reason: 'missing_param',
    });
  });

  it.each([
    ['response_type', ['code', 'token']],
    ['response_mode', ['query', 'form_post']],
    ['scope', ['files:read', 'files:write']],
    ['code_challenge', ['a'.repeat(43), 'b'.repeat(43)]],
    ['code_challenge_method', ['S256', 'plain']],
    ['prompt', ['none', 'login']],
    ['nonce', ['one', 'two']],
    ['max_age', ['1', '9999']],
    ['login_hint', ['ada', 'eve']],
  ] as const)('A3: a doubled %s is refused, neither first nor last wins', async (name, values) => {
    for (const order of [values, [...values].reverse()]) {
      expectRefusedToClient(await askFor(server, ada, clientId, { [name]: order }), server, {
        error: 'invalid_request',
        reason: 'duplicate_param',
      });
    }
  });

  it('A3: a doubled state is refused, and neither of the two is echoed', async () => {
    expectRefusedToClient(await askFor(server, ada, clientId, { state: ['good', 'evil'] }), server, {
      error: 'invalid_request',
      reason: 'duplicate_param',
      state: null,
    });
  });

  it.each([
    ['request', 'eyJhbGciOiJub25lIn0.e30.', 'request_not_supported'],
    ['request_uri', 'http://169.254.169.254/latest/meta-data', 'request_uri_not_supported'],
    ['registration', '{"redirect_uris":["https://evil.example"]}', 'registration_not_supported'],
  ])('A5: %s is not supported', async (name, value, error) => {
    expectRefusedToClient(await askFor(server, ada, clientId, { [name]: value }), server, {
      error,
      reason: name,
    });
  });

  it.each(['form_post', 'fragment', 'web_message', 'jwt', 'query.jwt', 'QUERY', 'query '])(
    'A10: response_mode=%s is refused in the query',
    async (mode) => {
      expectRefusedToClient(await askFor(server, ada, clientId, { response_mode: mode }), server, {
        error: 'unsupported_response_mode',
        reason: 'response_mode',
      });
    },
  );

  it('A9: form_post with HTML in state writes no page', async () => {
    const state = '"><script>alert(1)</script>';
    const refused = await askFor(server, ada, clientId, { response_mode: 'form_post', state });
    expectRefusedToClient(refused, server, {
      error: 'unsupported_response_mode',
      reason: 'response_mode',
      state,
    });
    expect(refused.value.html).not.toContain('<script>');
  });

  it('A10: response_mode=query is what there is, and may be said', async () => {
    const { value: page } = await askFor(server, ada, clientId, { response_mode: 'query' });
    expect(page.location).toMatch(/\/interaction\//);
  });
});

describe('state', () => {
  const states: readonly (readonly [string, string])[] = [
    ['one character', '0'],
    ['base64', Buffer.from('?>~ÿÿþ'.repeat(40)).toString('base64')],
    ['percent signs', '100%25%zz%0d%0a%%'],
    ['plus, ampersand, hash', 'a+b&c=d#e?f/g;h'],
    ['spaces', ' a  b '],
    ['CRLF', 'a\r\nSet-Cookie: x=1\r\n\r\n<html>'],
    ['NUL', 'a\u0000b'],
    ['HTML', '"><script>alert(1)</script>'],
    ['other scripts', 'żółw 日本 🐢 ‮x'],
    ['JSON', '{"csrf":"x","return":"https://app.example/?a=1&b=2"}'],
    ['4 KiB', 'abcd'.repeat(1024)],
  ];

  it.each(states)('A8, MCP 28: comes back byte for byte on success: %s', async (_name, state) => {
    const { value: page } = await askFor(server, ada, clientId, { state });
    const consent = await ada.get(page.location ?? '');
    expect(consent.form?.step).toBe('consent');
    expect(consent.html).not.toContain('<script>');
    const answered = await ada.submit(consent, { decision: 'allow' });
    expect(answered.status).toBe(303);
    const callback = await ada.get(answered.location ?? '');
    expect(callback.status).toBe(303);
    expect(callback.headers.get('set-cookie') ?? '').not.toContain('x=1');
    const params = new URL(callback.headers.get('location') ?? '').searchParams;
    expect(params.getAll('state')).toEqual([state]);
    expect(params.getAll('iss')).toEqual([server.issuer]);
    expect(params.getAll('code')).toHaveLength(1);
  });

  it.each(states)('A8, MCP 22: comes back byte for byte with an error: %s', async (_name, state) => {
    expectRefusedToClient(await askFor(server, ada, clientId, { state, prompt: 'bogus' }), server, {
      error: 'invalid_request',
      reason: 'prompt',
      state,
    });
  });

  it('A8: an empty state counts as none (RFC 6749 §3.1)', async () => {
    expectRefusedToClient(await askFor(server, ada, clientId, { state: '', prompt: 'bogus' }), server, {
      error: 'invalid_request',
      reason: 'prompt',
      state: null,
    });
  });

  it('A8: a state of 64 KiB is too large for the server and changes nothing', async () => {
    const {
      value: status,
      grants,
      codes,
    } = await observe(server, async () => {
      const query = requestQuery(clientId, { state: 'a'.repeat(65_536) });
      return (await fetch(`${server.issuer}/authorize?${query}`, { redirect: 'manual' })).status;
    });
    expect([400, 414, 431]).toContain(status);
    expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
  });
});

describe('the way back', () => {
  it('A7, MCP 22: iss equals the issuer of the metadata, on success, denial and error', async () => {
    const metadata = (await (
      await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)
    ).json()) as Record<string, unknown>;
    expect(metadata['authorization_response_iss_parameter_supported']).toBe(true);
    const ways = await Promise.all(
      [{ decision: 'allow', scope: 'files:read' }, { decision: 'deny' }].map(async (answer) => {
        const { value: page } = await askFor(server, ada, clientId);
        const answered = await ada.submit(await ada.get(page.location ?? ''), answer);
        return new URL((await ada.get(answered.location ?? '')).headers.get('location') ?? '');
      }),
    );
    const error = (await askFor(server, ada, clientId, { prompt: 'none' })).value;
    for (const { searchParams } of [...ways, new URL(error.location ?? '')]) {
      expect(searchParams.getAll('iss')).toEqual([metadata['issuer']]);
    }
    expect(ways.map(({ searchParams }) => searchParams.has('code'))).toEqual([true, false]);
  });

  it('A7: iss and state stand once even where the redirect has parameters of those names', async () => {
    const redirectUri = 'https://app.example/cb?iss=https%3A%2F%2Fevil.example&state=s&code=c&keep=1';
    const { clientId: id } = await addTestClient(server, { redirectUris: [redirectUri] });
    const { value: page } = await askFor(server, ada, id, { redirect_uri: redirectUri, prompt: 'none' });
    const { searchParams } = new URL(page.location ?? '');
    expect(searchParams.getAll('iss')).toEqual([server.issuer]);
    expect(searchParams.getAll('state')).toEqual(['state-1']);
    expect(searchParams.getAll('keep')).toEqual(['1']);
  });

  it('A11, G12: every step is a redirect by GET that no cache keeps', async () => {
    const { value: started } = await askFor(server, ada, clientId);
    expect(started.status).toBe(303);
    const consent = await ada.get(started.location ?? '');
    const answered = await ada.submit(consent, { decision: 'allow' });
    const callback = await ada.get(answered.location ?? '');
    expect([answered.status, callback.status]).toEqual([303, 303]);
    for (const step of [started, consent, answered, callback]) {
      expect(step.headers.get('cache-control')).toContain('no-store');
      expect(step.headers.get('referrer-policy')).toBe('no-referrer');
      expect(step.headers.get('x-frame-options')).toBe('DENY');
    }
  });
});

describe('what is no protocol', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'X4: %s is a scope, a parameter and a value like any other',
    async (word) => {
      const { value: page } = await askFor(server, ada, clientId, { scope: word, [word]: word, state: word });
      expect(page.status).toBe(303);
      const consent = await ada.get(page.location ?? '');
      const answered = await ada.submit(consent, { decision: 'allow', scope: 'files:read' });
      const callback = new URL((await ada.get(answered.location ?? '')).headers.get('location') ?? '');
      expect(callback.searchParams.get('state')).toBe(word);
    },
  );

  it.each(['client_id', 'resource', 'redirect_uri', 'prompt', 'scope'])(
    'X4: %s with a prototype word, a NUL or bytes that are no UTF-8 is refused as any other',
    async (name) => {
      for (const value of ['__proto__', 'constructor', 'a%00b', '%ff%fe', '%ed%a0%80', '%C0%80']) {
        const query = requestQuery(clientId, { [name]: undefined });
        const page = await ada.get(`${server.issuer}/authorize?${query}&${name}=${value}`);
        expect(page.status, `${name}=${value}`).toBeLessThan(500);
        expect(page.location ?? CALLBACK).toMatch(/^http:\/\/(127\.0\.0\.1:53111\/callback|localhost)/);
      }
    },
  );

  it.each(['nonce', 'state', 'login_hint', 'ui_locales', 'acr_values', 'max_age', 'id_token_hint', 'claims'])(
    'X4: %s with a NUL ends in no failure of ours',
    async (name) => {
      const { value: page } = await askFor(server, ada, clientId, {
        scope: 'openid files:read',
        [name]: 'a\u0000b',
      });
      expect(page.status).toBeLessThan(500);
      if (!page.location?.includes('/interaction/')) return;
      const answered = await ada.submit(await ada.get(page.location), {
        decision: 'allow',
        scope: 'files:read',
      });
      expect((await ada.get(answered.location ?? '')).status).toBe(303);
    },
  );

  it('X1: 1,000 parameters, a target of 64 KiB and a header of 100 KiB are refused at once', async () => {
    const many = Array.from({ length: 1000 }, (_, at) => `p${at}=1`).join('&');
    const answers = await Promise.all([
      fetch(`${server.issuer}/authorize?${requestQuery(clientId)}&${many}`, { redirect: 'manual' }),
      fetch(`${server.issuer}/authorize?${'a'.repeat(65_536)}`, { redirect: 'manual' }),
      fetch(`${server.issuer}/authorize?${requestQuery(clientId)}`, {
        redirect: 'manual',
        headers: { 'x-long': 'a'.repeat(100_000) },
      }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, expect.toBeOneOf([414, 431]), 431]);
  });

  it('M9: there is no logout for clients to send a browser to', async () => {
    for (const path of ['/session/end', '/session/end/confirm', '/session/end/success']) {
      for (const method of ['GET', 'POST']) {
        const response = await fetch(
          `${server.issuer}${path}?post_logout_redirect_uri=${encodeURIComponent(EVIL)}&client_id=${clientId}`,
          { method, redirect: 'manual' },
        );
        expect(response.status, `${method} ${path}`).toBe(404);
        expect(response.headers.get('location')).toBeNull();
      }
    }
  });

  it.each([
    '/me',
    '/request',
    '/reg',
    '/device',
    '/device/auth',
    '/challenge',
    '/backchannel',
    '/auth',
    '/jwks/x',
  ])('M9: %s, an endpoint that the library could have, is not there', async (path) => {
    for (const method of ['GET', 'POST']) {
      expect((await fetch(`${server.issuer}${path}`, { method })).status).toBe(404);
    }
  });
});

describe('hosts', () => {
  it('A15: every URL comes from the configuration, whatever the request says of its host', async () => {
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-prefix': '/evil',
      forwarded: 'host=evil.example;proto=https',
      'x-original-url': '/evil',
    };
    const metadata = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`, { headers });
    expect(await metadata.text()).not.toContain('evil');
    const started = await fetch(`${server.issuer}/authorize?${requestQuery(clientId)}`, {
      headers,
      redirect: 'manual',
    });
    expect(started.headers.get('location')).toMatch(/^\/interaction\//);
    expect(started.headers.getSetCookie().join()).not.toContain('evil');
  });

  it.each(['evil.example', 'localhost', 'localhost.evil.example', '127.0.0.1'])(
    'A15: Host: %s is misdirected',
    async (host) => {
      const { request } = await import('node:http');
      for (const path of ['/.well-known/openid-configuration', `/authorize?${requestQuery(clientId)}`]) {
        const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
        const { port } = new URL(server.issuer);
        const sent = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject);
        sent.end();
        expect(await promise).toBe(421);
      }
    },
  );
});

describe('two at once', () => {
  it('M3: two tabs with two clients do not mix', async () => {
    const other = await addTestClient(server, {
      name: 'Other Client',
      redirectUris: ['https://other.example/cb'],
    });
    const first = (await askFor(server, ada, clientId, { state: 'tab-1' })).value;
    const second = (
      await askFor(server, ada, other.clientId, {
        state: 'tab-2',
        redirect_uri: 'https://other.example/cb',
        resource: MAIL,
      })
    ).value;
    const consents = [await ada.get(first.location ?? ''), await ada.get(second.location ?? '')] as const;
    expect(consents[0].html).toContain('Test Client');
    expect(consents[1].html).toContain('Other Client');

    const finish = async (page: (typeof consents)[number], scope: string) => {
      const answered = await ada.submit(page, { decision: 'allow', scope });
      return new URL((await ada.get(answered.location ?? '')).headers.get('location') ?? '');
    };
    const { records, grants } = await observe(server, async () => {
      const back = await finish(consents[1], 'mail:read');
      expect(back.origin).toBe('https://other.example');
      expect(back.searchParams.get('state')).toBe('tab-2');
      const earlier = await finish(consents[0], 'files:read');
      expect(earlier.href).toMatch(/^http:\/\/127\.0\.0\.1:53111\/callback\?/);
      expect(earlier.searchParams.get('state')).toBe('tab-1');
    });
    expect(grants).toBe(2);
    const issued = records.filter(({ event }) => event === 'grant.issued');
    expect(issued.map(({ client, resource, scopes }) => ({ client, resource, scopes }))).toEqual([
      { client: other.clientId, resource: MAIL, scopes: ['mail:read'] },
      { client: clientId, resource: FILES, scopes: ['files:read'] },
    ]);
  });

  it('M3: the form of one tab cannot answer the interaction of another', async () => {
    const [first, second] = [
      (await askFor(server, ada, clientId)).value,
      (await askFor(server, ada, clientId, { resource: MAIL })).value,
    ];
    const consent = await ada.get(first.location ?? '');
    await ada.get(second.location ?? '');
    const csrf = consent.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
    const answered = await ada.post(
      second.location ?? '',
      new URLSearchParams({ csrf, decision: 'allow', scope: 'files:write' }),
    );
    expect(answered.status).toBe(400);
  });
});

it('a whole authorization works in a browser that follows redirects', async () => {
  const agent = createAgent();
  await signedIn(server, agent, await addPerson(server));
  const page = await agent.get(`${server.issuer}/authorize?${requestQuery(clientId)}`);
  expect((await allow(agent, page)).get('code')).toMatch(/^[\w-]{43}$/);
});
