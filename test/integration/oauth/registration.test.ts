import {
  OAuthClientInformationFullSchema,
  OAuthErrorResponseSchema,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DYNAMIC_REGISTRATIONS } from '../../fixtures/clients/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor } from '../../support/authorization.ts';
import { addPerson, basic, claimsOf, obtainCode, post, signedIn } from '../../support/flow.ts';
import { manage, register as registerAt } from '../../support/registration.ts';
import { FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { startTestWeb } from '../../support/web.ts';

let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent();
  await signedIn(server, ada, await addPerson(server));
});

afterAll(() => server.stop());

type Body = Readonly<Record<string, unknown>>;

interface Registered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body & { readonly client_id: string; readonly client_secret?: string };
}

async function send(
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Registered> {
  const response = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: new Uint8Array(Buffer.from(body)),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

const register = (body: unknown) => send(JSON.stringify(body));

const NATIVE = { redirect_uris: ['http://127.0.0.1/callback'], token_endpoint_auth_method: 'none' };

/** A redirect of the registration, as the running program would send it: at another port, where it may. */
const asUsed = (uri: string) =>
  uri.replace(/^(http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d+)?/, '$1:52345');

/** A whole flow of a client that registered itself. */
async function flow({ body }: Registered, redirectUri: string) {
  const { code, verifier } = await obtainCode(server, ada, body.client_id, { redirect_uri: redirectUri });
  const method = body['token_endpoint_auth_method'];
  const secret = body.client_secret ?? '';
  return post(
    server,
    '/token',
    {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      ...(method === 'client_secret_basic' ? {} : { client_id: body.client_id }),
      ...(method === 'client_secret_post' ? { client_secret: secret } : {}),
    },
    method === 'client_secret_basic' ? basic(body.client_id, secret) : {},
  );
}

describe.each(Object.entries(DYNAMIC_REGISTRATIONS))('what %s sends', (_name, sent: Body) => {
  const redirectUris = sent['redirect_uris'] as readonly string[];

  it('MCP 57, MCP 58, MCP 59, MCP 61: is answered with what it got, as the SDK reads it, and kept once', async () => {
    const { value: answer, records, clients } = await observe(server, () => register(sent));
    expect(answer.status).toBe(201);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(OAuthClientInformationFullSchema.safeParse(answer.body).error).toBeUndefined();

    const { body } = answer;
    expect(body.client_id).toMatch(/^cli_[\w-]+$/);
    expect(body['redirect_uris']).toEqual(redirectUris);
    expect(body['grant_types']).toEqual(
      sent['grant_types'] ? ['authorization_code', 'refresh_token'] : ['authorization_code'],
    );
    expect(body['response_types']).toEqual(['code']);
    expect(body['token_endpoint_auth_method']).toBe(sent['token_endpoint_auth_method']);
    expect(body).not.toHaveProperty('scope');
    for (const [key, value] of Object.entries(body)) {
      expect(value, key).not.toBeNull();
      expect(value, key).not.toBe('');
    }
    const native = redirectUris.some((uri) => !uri.startsWith('https:'));
    expect(body['application_type']).toBe(native ? 'native' : 'web');
    if (sent['token_endpoint_auth_method'] === 'none') {
      expect(body).not.toHaveProperty('client_secret');
      expect(body).not.toHaveProperty('client_secret_expires_at');
    } else {
      expect(body.client_secret).toMatch(/^[\w-]{43}$/);
      expect(body['client_secret_expires_at']).toBe(0);
    }
    expect(clients).toBe(1);
    expect(records).toEqual([
      expect.objectContaining({ event: 'client.registered', outcome: 'success', client: body.client_id }),
    ]);
  });

  it('MCP 18, MCP 39, MCP 60: leads from each of its redirects to a token and a refresh token', async () => {
    const registered = await register(sent);
    for (const uri of redirectUris) {
      const { status, body } = await flow(registered, asUsed(uri));
      expect({ uri, status }).toEqual({ uri, status: 200 });
      expect(claimsOf(body.access_token)).toMatchObject({
        aud: FILES,
        client_id: registered.body.client_id,
        scope: 'files:read',
        client_trust: 'untrusted',
      });
      expect(body.refresh_token !== undefined).toBe(sent['grant_types'] !== undefined);
    }
  });

  it('MCP 27: does not make the scopes of the registration a ceiling', async () => {
    const { body } = await register(sent);
    const redirectUri = asUsed(redirectUris.at(-1) ?? '');
    const { code, verifier } = await obtainCode(server, ada, body.client_id, {
      redirect_uri: redirectUri,
      scope: 'files:read files:write',
    });
    expect(code).toBeDefined();
    expect(verifier).toBeDefined();
  });
});

describe('a registration', () => {
  it('MCP 58: of the least that is possible is filled in as RFC 7591 says', async () => {
    const { status, body } = await register({ redirect_uris: ['https://app.example/cb'] });
    expect(status).toBe(201);
    expect(body).toEqual({
      client_id: expect.stringMatching(/^cli_/),
      client_id_issued_at: expect.any(Number),
      client_secret: expect.any(String),
      client_secret_expires_at: 0,
      client_name: 'Unnamed client',
      redirect_uris: ['https://app.example/cb'],
      application_type: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      registration_client_uri: `${server.issuer}/register/${body.client_id}`,
      registration_access_token: expect.stringMatching(/^ghr_[\w-]{43}$/),
    });
    expect(Math.abs(Number(body['client_id_issued_at']) - Date.now() / 1000)).toBeLessThan(60);
  });

  it('MCP 39: without the refresh grant there is no refresh token', async () => {
    const registered = await register({ ...NATIVE, grant_types: ['authorization_code'] });
    const { body } = await flow(registered, 'http://127.0.0.1:52345/callback');
    expect(body.access_token).toBeDefined();
    expect(body).not.toHaveProperty('refresh_token');
  });

  it('MCP 64: its secret never expires, works by either method and is stored as a hash alone', async () => {
    const registered = await register({
      redirect_uris: ['https://app.example/cb'],
      token_endpoint_auth_method: 'client_secret_post',
    });
    expect((await flow(registered, 'https://app.example/cb')).status).toBe(200);
    const row = await server.database.prisma.client.findUniqueOrThrow({
      where: { id: registered.body.client_id },
    });
    expect(JSON.stringify(row)).not.toContain(registered.body.client_secret);
    expect(row.trust).toBe('untrusted');
  });

  it('cannot choose its identifier, its secret, its trust or its tenant', async () => {
    const { status, body } = await register({
      ...NATIVE,
      client_id: 'cli_mine',
      client_secret: 'mine',
      client_secret_expires_at: 9_999_999_999,
      client_id_issued_at: 1,
      trust: 'first_party',
      tenant: 'ten_other',
      tenantId: 'ten_other',
      registration: 'preregistered',
      registration_access_token: 'mine',
      registration_client_uri: 'https://evil.example',
    });
    expect(status).toBe(201);
    expect(JSON.stringify(body)).not.toMatch(/mine|first_party|ten_other|preregistered|evil/);
    const row = await server.database.prisma.client.findUniqueOrThrow({ where: { id: body.client_id } });
    expect(row).toMatchObject({ trust: 'untrusted', tenantId: 'ten_default', registration: 'dynamic' });
  });

  it('L4: nothing that it names is fetched, when it registers and when it is read or changed', async () => {
    const web = await startTestWeb();
    const guarded = await startTestServer({}, { outbound: web.outbound });
    try {
      const named = {
        ...NATIVE,
        ...Object.fromEntries(
          [
            'jwks_uri',
            'logo_uri',
            'client_uri',
            'tos_uri',
            'policy_uri',
            'sector_identifier_uri',
            'initiate_login_uri',
            'backchannel_logout_uri',
            'software_statement_uri',
          ].flatMap((name, at) => [[name, `https://decoy${at}.example/${name}`]]),
        ),
        request_uris: ['https://decoy.example/request'],
      };
      for (const more of [{}, { token_endpoint_auth_method: 'private_key_jwt' }]) {
        const { status, body } = await registerAt(guarded, { ...named, ...more });
        expect(status).toBe(201);
        const { registration_client_uri: uri, registration_access_token: token } = body;
        expect((await manage(uri, 'GET', token)).status).toBe(200);
        expect(
          (await manage(uri, 'PUT', token, { ...named, ...more, client_id: body.client_id })).status,
        ).toBe(200);
      }
      for (const local of ['http://127.0.0.1:1/keys', 'https://169.254.169.254/keys', 'file:///etc/passwd']) {
        await registerAt(guarded, {
          ...named,
          token_endpoint_auth_method: 'private_key_jwt',
          jwks_uri: local,
        });
      }
      expect({ asked: web.asked, dialled: web.dialled, strays: web.strays() }).toEqual({
        asked: [],
        dialled: [],
        strays: 0,
      });
    } finally {
      await guarded.stop();
      await web.stop();
    }
  });

  it('MCP 59: redirects are told back byte for byte, doubled and odd ones too', async () => {
    const uris = [
      'https://OK.example:443//cb?',
      'http://localhost',
      'http://localhost/',
      'http://localhost/',
      'HTTPS://ok.example/%7e%7E',
    ];
    const { status, body } = await register({ ...NATIVE, redirect_uris: uris });
    expect(status).toBe(201);
    expect(body['redirect_uris']).toEqual(uris);
    for (const uri of uris) {
      expect((await flow({ status, headers: new Headers(), body }, uri)).status).toBe(200);
    }
  });

  it('X4: prototype words in it are data', async () => {
    const { status, body } = await send(
      `{"redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none",
        "__proto__":{"trust":"first_party"},"constructor":{"prototype":{"x":1}},"client_name":"__proto__"}`,
    );
    expect(status).toBe(201);
    expect(body['client_name']).toBe('__proto__');
    expect(({} as Body)['trust']).toBeUndefined();
    expect(({} as Body)['x']).toBeUndefined();
  });

  it('M10, K12: a name that would be markup or turn text around is told back clean and shown as text', async () => {
    const { body } = await register({
      ...NATIVE,
      client_name: '<script>alert(1)</script>\u202eedualC\u202c\u200b\u0000',
    });
    expect(body['client_name']).toBe('<script>alert(1)</script>edualC');
    const { value: page } = await askFor(server, ada, body.client_id);
    expect(page.html).toContain('&lt;script&gt;');
    expect(page.html).not.toContain('<script>alert');
    expect(page.html).toContain('This program is not verified');
  });

  it('makes a new client each time, so that one cannot take the place of another', async () => {
    const ids = await Promise.all([register(NATIVE), register(NATIVE), register(NATIVE)]);
    expect(new Set(ids.map(({ body }) => body.client_id)).size).toBe(3);
  });

  it('cannot be asked for where it was made, nor by other methods', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(`${server.issuer}/register`, { method });
      expect(response.status).toBe(405);
      expect(await response.json()).toHaveProperty('error');
    }
  });
});

describe('a registration that is refused', () => {
  const bodies: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['no JSON', '{'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a string', '"x"'],
    ['a number', '1'],
    ['no redirect', '{}'],
    ['null for redirects', '{"redirect_uris":null}'],
    ['an empty list', '{"redirect_uris":[]}'],
    ['a string for a list', '{"redirect_uris":"https://app.example/cb"}'],
    ['numbers in the list', '{"redirect_uris":[1,2]}'],
    ['null in the list', '{"redirect_uris":["https://app.example/cb",null]}'],
    ['an object in the list', '{"redirect_uris":[{"x":1}]}'],
    [
      '51 redirects',
      JSON.stringify({ redirect_uris: Array.from({ length: 51 }, (_, i) => `https://a.example/${i}`) }),
    ],
    [
      'an unknown method',
      '{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"tls_client_auth"}',
    ],
    [
      'keys of its own and none given',
      '{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"private_key_jwt"}',
    ],
    [
      'only grants that are not served',
      '{"redirect_uris":["https://a.example/"],"grant_types":["password"]}',
    ],
    [
      'a private key',
      '{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y","d":"d"}]}}',
    ],
    [
      'a key that is none',
      '{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC"}]}}',
    ],
    [
      'an internal key set',
      '{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"http://169.254.169.254/keys"}',
    ],
    [
      'a software statement without signature',
      '{"redirect_uris":["https://a.example/"],"software_statement":"eyJhbGciOiJub25lIn0.e30."}',
    ],
    ['a nesting of 5,000', `{"redirect_uris":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ['a name that is an object', '{"redirect_uris":["javascript:x"],"client_name":{"toString":1}}'],
  ];

  it.each(bodies)('L7, X1: %s gets OAuth JSON, one record and no client', async (_what, body) => {
    const { value: answer, records, clients } = await observe(server, () => send(body));
    expect(answer.status).toBe(400);
    expect(OAuthErrorResponseSchema.safeParse(answer.body).error).toBeUndefined();
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(records).toEqual([expect.objectContaining({ event: 'client.rejected', outcome: 'refused' })]);
    expect(clients).toBe(0);
  });

  it('L6: a signed software statement is not approved, since nobody is trusted to sign one', async () => {
    const { value: answer, records } = await observe(server, () =>
      register({ ...NATIVE, software_statement: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' }),
    );
    expect(answer.body).toMatchObject({ error: 'unapproved_software_statement' });
    expect(records[0]?.reason).toBe('unapproved_software_statement');
  });

  it.each([
    ['a form', 'application/x-www-form-urlencoded', 415],
    ['text', 'text/plain', 415],
    ['no type at all', '', 415],
    ['what only begins like JSON', 'application/jsonp', 415],
  ])('L7: %s is not read', async (_what, type, status) => {
    const { value: answer, records } = await observe(server, () =>
      send(JSON.stringify(NATIVE), { 'content-type': type }),
    );
    expect(answer.status).toBe(status);
    expect(answer.body).toHaveProperty('error');
    expect(records).toEqual([expect.objectContaining({ event: 'client.rejected' })]);
  });

  it('X1: a body of 1 MB, a nesting of 100,000 and a compressed body are refused at once', async () => {
    for (const [body, headers] of [
      [JSON.stringify({ ...NATIVE, client_name: 'a'.repeat(1_000_000) }), {}],
      [JSON.stringify({ ...NATIVE, client_name: 'a'.repeat(17_000) }), {}],
      ['['.repeat(100_000), {}],
      [JSON.stringify(NATIVE), { 'content-encoding': 'gzip' }],
    ] as const) {
      const { status, body: answer } = await send(body, headers);
      expect([400, 413, 415]).toContain(status);
      expect(answer).toHaveProperty('error');
    }
  });

  it('redirects that the grammar allows and the library does not are refused now and not when they are used', async () => {
    for (const redirectUris of [
      ['https://localhost/cb', 'http://localhost/cb'],
      ['https://localhost/cb', 'com.example.app:/cb'],
      ['https://127.0.0.1/cb'],
      ['com.example.app:/cb', 'http://127.0.0.1/cb', 'https://app.example/cb'],
      ['com.example.app:cb'],
      ['http://[::1]/cb', 'https://[::1]/cb'],
    ]) {
      const registered = await register({ redirect_uris: redirectUris, token_endpoint_auth_method: 'none' });
      expect([201, 400]).toContain(registered.status);
      if (registered.status === 400) {
        expect(registered.body['error']).toMatch(/^invalid_(redirect_uri|client_metadata)$/);
        continue;
      }
      for (const uri of redirectUris) {
        expect({ uri, ...(await flow(registered, uri)) }).toMatchObject({ uri, status: 200 });
      }
    }
  });
});

describe('how often, and who', () => {
  it('L5: a network that registers too often is told to wait, and there is one record of it', async () => {
    const throttled = await startTestServer({
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_THROTTLE_REGISTRATION_NETWORK: '3',
    });
    try {
      const ask = () =>
        fetch(`${throttled.issuer}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.9' },
          body: JSON.stringify(NATIVE),
        });
      for (let at = 0; at < 3; at += 1) expect((await ask()).status).toBe(201);
      const { value: refused, records, clients } = await observe(throttled, ask);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refused.json()).toMatchObject({ error: 'slow_down' });
      expect(records).toEqual([
        expect.objectContaining({ event: 'request.throttled', reason: 'registration' }),
      ]);
      expect(clients).toBe(0);
    } finally {
      await throttled.stop();
    }
  });

  it('L1: where registration is restricted a stranger gets 401, and there is one record of it', async () => {
    const restricted = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: 'initial-access-token' });
    try {
      for (const [headers, reason] of [
        [{}, 'registration_token_missing'],
        [{ authorization: 'Bearer guessed' }, 'registration_token_unknown'],
      ] as const) {
        const {
          value: refused,
          records,
          clients,
        } = await observe(restricted, () =>
          fetch(`${restricted.issuer}/register`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...headers },
            body: JSON.stringify(NATIVE),
          }),
        );
        expect(refused.status).toBe(401);
        expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/);
        expect(await refused.json()).toMatchObject({ error: 'invalid_token' });
        expect(records).toEqual([expect.objectContaining({ event: 'client.rejected', reason })]);
        expect(clients).toBe(0);
      }
    } finally {
      await restricted.stop();
    }
  });
});
