import type { Draft, Pairs } from './draft.ts';
import { forgedAssertions } from './forged-assertions.ts';

/** What good requests are made of. */
export interface Material {
  readonly publicClient: string;
  readonly confidential: { readonly id: string; readonly secret: string };
  readonly resource: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly accessTokens: readonly string[];
  readonly refreshTokens: readonly string[];
  readonly codes: readonly string[];
  /** Of a browser that nobody is signed in with. */
  readonly stranger: { readonly cookie: string; readonly csrf: string };
  /** Of a browser that somebody is signed in with. */
  readonly session: { readonly cookie: string; readonly csrf: string };
  /** An authorization that waits for its person, and the form that it shows. */
  readonly waiting: {
    readonly path: string;
    readonly cookie: string;
    readonly form: Readonly<Record<string, string>>;
  };
  readonly email: string;
  /** Clients that registered themselves, with what opens each. */
  readonly registered: {
    readonly own: Registered;
    readonly other: Registered;
    /** There to be ended. */
    readonly ended: Registered;
    /** Nobody comes to it with its own token. */
    readonly guarded: Registered;
  };
  /** Initial access tokens: one that is good, one that was revoked. */
  readonly registrationTokens: readonly string[];
  /** A client with a key, and assertions of it (RFC 7523), each good once. */
  readonly keyClient: { readonly id: string; readonly assertions: readonly string[] };
  /** The URL of a client that waits for an administrator. */
  readonly awaited: string;
  /** Of a browser that somebody is signed in with, at the page that asks for such a client. */
  readonly asking: { readonly cookie: string; readonly csrf: string };
}

interface Registered {
  readonly id: string;
  readonly token: string;
}

type Good = Partial<Omit<Draft, 'query' | 'headers' | 'body'>> & {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Pairs;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
};

/** Every endpoint, asked as a good client or browser does. */
export function goodRequests(material: Material): readonly (() => Draft)[] {
  const { publicClient, confidential, stranger, session, waiting } = material;
  const basic: Pairs[number] = [
    'Authorization',
    `Basic ${Buffer.from(`${confidential.id}:${confidential.secret}`).toString('base64')}`,
  ];
  const authorize = {
    path: '/authorize',
    query: {
      response_type: 'code',
      client_id: publicClient,
      redirect_uri: material.redirectUri,
      code_challenge: material.challenge,
      code_challenge_method: 'S256',
      state: 'state-1',
      scope: 'files:read offline_access',
      resource: material.resource,
    },
  };
  const token = (form: Readonly<Record<string, string>>): Good => ({
    path: '/token',
    form: { client_id: publicClient, ...form },
  });
  const each = (values: readonly string[], make: (value: string) => Good) => values.map(make);
  const browser = (who: { readonly cookie: string }): Pairs => [
    ['Accept', 'text/html'],
    ['Cookie', who.cookie],
  ];
  const uid = 'pWJHsFPVMX0G8_4qVCFXA';
  const registration = {
    client_name: 'A program',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    contacts: ['a@example.com'],
  };

  const goods: readonly Good[] = [
    { ...authorize, headers: browser(stranger) },
    { ...authorize, headers: browser(session) },
    { ...authorize, query: { ...authorize.query, client_id: 'https://app.example/client.json' } },
    { ...authorize, query: { ...authorize.query, prompt: 'none' } },
    { path: `/authorize/${uid}`, headers: browser(session) },
    { path: `/interaction/${uid}`, headers: browser(session) },
    {
      path: `/interaction/${uid}`,
      headers: browser(session),
      form: { csrf: session.csrf, decision: 'allow' },
    },
    { path: waiting.path, headers: browser(waiting) },
    { path: waiting.path, headers: browser(waiting), form: { ...waiting.form, decision: 'maybe' } },
    ...each(material.codes, (code) =>
      token({
        grant_type: 'authorization_code',
        code,
        code_verifier: 'v'.repeat(43),
        redirect_uri: material.redirectUri,
      }),
    ),
    ...each(material.refreshTokens, (value) => token({ grant_type: 'refresh_token', refresh_token: value })),
    ...each([...material.accessTokens, ...material.refreshTokens], (value) => ({
      path: '/introspect',
      headers: [basic],
      form: { token: value, token_type_hint: 'access_token' },
    })),
    { path: '/revoke', headers: [basic], form: { token: material.accessTokens[0] ?? '' } },
    { path: '/revoke', form: { token: 'unknown', client_id: publicClient } },
    { path: '/register', json: registration },
    ...each(['', ...material.registrationTokens, material.accessTokens[0] ?? '', 'ghi_unknown'], (value) => ({
      path: '/register',
      headers: [bearer(value)],
      json: registration,
    })),
    ...managing(material, registration),
    ...byAssertion(material),
    { path: '/client-request', headers: browser(session), query: { client: material.awaited } },
    {
      path: '/client-request',
      headers: browser(material.asking),
      query: { client: material.awaited, resource: material.resource },
      form: { csrf: material.asking.csrf, reason: 'For the meeting notes' },
    },
    { path: '/client-request', headers: browser(stranger), query: { client: material.awaited } },
    { path: '/jwks' },
    { path: '/.well-known/oauth-authorization-server' },
    { path: '/.well-known/openid-configuration' },
    { path: '/healthz' },
    { path: '/', headers: browser(session) },
    { path: '/sign-in', headers: browser(stranger), query: { continue: '/account' } },
    { path: '/sign-in', headers: browser(stranger), form: { csrf: stranger.csrf, email: material.email } },
    {
      path: '/sign-in/password',
      headers: browser(stranger),
      form: { csrf: 'wrong', password: 'correct horse', code: '000000' },
    },
    { path: '/sign-in/totp', headers: browser(stranger), form: { csrf: stranger.csrf, code: '000000' } },
    {
      path: '/sign-in/passkey',
      headers: [
        ['Cookie', stranger.cookie],
        ['X-CSRF-Token', stranger.csrf],
      ],
      json: {
        response: {
          id: 'AAAA',
          rawId: 'AAAA',
          type: 'public-key',
          clientExtensionResults: {},
          response: { clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' },
        },
      },
    },
    {
      path: '/sign-in/passkey/options',
      headers: [
        ['Cookie', stranger.cookie],
        ['X-CSRF-Token', stranger.csrf],
      ],
      json: {},
    },
    { path: '/setup', headers: browser(stranger), query: { token: 'x'.repeat(43) } },
    { path: '/setup', headers: browser(stranger), form: { csrf: stranger.csrf, email: material.email } },
    { path: '/account', headers: browser(session) },
    { path: '/account/security', headers: browser(session) },
    { path: '/account/connections/grt_x/end', headers: browser(session), form: { csrf: session.csrf } },
    { path: '/account/security/password', headers: browser(session), form: { csrf: 'wrong', password: 'a' } },
    {
      path: '/account/security/passkeys',
      headers: [
        ['Cookie', session.cookie],
        ['X-CSRF-Token', session.csrf],
      ],
      json: { name: 'A key', response: { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} } },
    },
    { path: '/sign-out', headers: browser(session), form: { csrf: 'wrong' } },
    { path: '/assets/gatehouse.css' },
  ];
  return goods.map((good) => () => draftOf(good));
}

const bearer = (token: string): Pairs[number] => ['Authorization', `Bearer ${token}`];

/** RFC 7592: each client with its own token, with another's, and with what is no token of this kind. */
function managing(
  { registered, registrationTokens, accessTokens }: Material,
  registration: Readonly<Record<string, unknown>>,
): readonly Good[] {
  const { own, other, ended, guarded } = registered;
  const path = `/register/${own.id}`;
  const headers = [bearer(own.token)];
  const foreign = [own.token, registrationTokens[0] ?? '', accessTokens[0] ?? '', ''];
  const replacement = { ...registration, client_id: own.id };
  return [
    { path, headers },
    { path, headers, method: 'PUT', json: replacement },
    {
      path,
      headers,
      method: 'PUT',
      json: { ...replacement, redirect_uris: ['https://app.example/cb'], client_secret: 'x', scope: null },
    },
    { path: `/register/${other.id}`, headers: [bearer(other.token)], method: 'PUT', json: replacement },
    ...foreign.flatMap((token): Good[] => {
      const there = { path: `/register/${guarded.id}`, headers: [bearer(token)] };
      const change = { ...registration, client_id: guarded.id, client_name: 'Changed' };
      return [there, { ...there, method: 'PUT', json: change }, { ...there, method: 'DELETE' }];
    }),
    { path: `/register/${ended.id}`, headers: [bearer(ended.token)], method: 'DELETE' },
    { path: `/register/${ended.id}`, headers: [bearer(ended.token)] },
    { path: '/register/cli_nobody', headers },
  ];
}

/** RFC 7523 §2.2: a client that proves itself by an assertion, at each endpoint, with good and forged ones. */
function byAssertion({ keyClient, accessTokens }: Material): readonly Good[] {
  const [first = '', second = '', third = '', ...more] = keyClient.assertions;
  const proof = (assertion: string) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
  const token = accessTokens[0] ?? '';
  const refused = { grant_type: 'refresh_token', refresh_token: 'unknown' };
  return [
    { path: '/introspect', form: { token, ...proof(first) } },
    { path: '/revoke', form: { token: 'unknown', ...proof(second) } },
    { path: '/token', form: { ...refused, ...proof(third), client_id: keyClient.id } },
    ...[...more, ...forgedAssertions(keyClient.id)].map(
      (assertion): Good => ({ path: '/token', form: { ...refused, ...proof(assertion) } }),
    ),
  ];
}

function draftOf({ path, query = {}, headers = [], form, json, method }: Good): Draft {
  const encoded = (pairs: Readonly<Record<string, string>>): Pairs =>
    Object.entries(pairs).map(([name, value]) => [name, encodeURIComponent(value)]);
  const hasBody = form !== undefined || json !== undefined;
  return {
    method: method ?? (hasBody ? 'POST' : 'GET'),
    path,
    query: encoded(query),
    headers: headers.map(([name, value]) => [name, value]),
    body: form
      ? { kind: 'form', fields: encoded(form) }
      : json === undefined
        ? { kind: 'none' }
        : { kind: 'json', value: structuredClone(json) },
    incomplete: false,
    wild: false,
  };
}
