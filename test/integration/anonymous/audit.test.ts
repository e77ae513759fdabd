import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { requestQuery } from '../../support/authorization.ts';
import { scrape } from '../../support/scrape.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const REQUESTS = 500;
/** One record of the first, and one of the count. */
const ROWS_PER_KIND = 2;
/** Rows of one widest prefix in a minute: 120 at once, and as many counts. */
const MAX_ROWS_PER_PREFIX = 240;

let server: TestServer;
let clientId: string;

beforeAll(async () => {
  server = await startTestServer({
    GATEHOUSE_THROTTLE: 'on',
    GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1/32',
    GATEHOUSE_METADATA_DOCUMENTS: 'review',
  });
  ({ clientId } = await addTestClient(server));
});
afterAll(() => server.stop());

type Door = (headers: Readonly<Record<string, string>>) => Promise<Response>;

const get =
  (path: string): Door =>
  (headers) =>
    fetch(`${server.issuer}${path}`, { redirect: 'manual', headers });
const postForm =
  (
    path: string,
    form: Readonly<Record<string, string>> = {},
    more: Readonly<Record<string, string>> = {},
  ): Door =>
  (headers) =>
    fetch(`${server.issuer}${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { ...headers, ...more },
      body: new URLSearchParams(form),
    });
const postJson =
  (path: string, body: string, more: Readonly<Record<string, string>> = {}): Door =>
  (headers) =>
    fetch(`${server.issuer}${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...headers, ...more },
      body,
    });

/** Every door that writes to the audit log for a caller without authentication. */
const DOORS: Readonly<Record<string, () => Door>> = {
  'POST /sign-in without csrf': () => postForm('/sign-in', { email: 'ada@example.com' }),
  'POST /sign-in/password without csrf': () => postForm('/sign-in/password', { password: 'x' }),
  'POST /sign-in/totp without csrf': () => postForm('/sign-in/totp', { code: '123456' }),
  'POST /sign-in/passkey without csrf': () => postJson('/sign-in/passkey', '{}'),
  'POST /sign-out without csrf': () => postForm('/sign-out'),
  'POST /setup without csrf': () => postForm('/setup', { name: 'x', email: 'x@example.com' }),
  'GET /setup with a wrong token': () => get('/setup?token=x'),
  'GET /interaction of no authorization': () => get('/interaction/xxxxxxxxxxxxxxxxxxxxx'),
  'GET /authorize of no authorization': () => get('/authorize/xxxxxxxxxxxxxxxxxxxxx'),
  'GET /authorize of an unknown client': () => get('/authorize?client_id=cli_x&response_type=code'),
  'GET /authorize without PKCE': () => get(`/authorize?client_id=${clientId}&response_type=code`),
  'GET /authorize of an unlisted document': () =>
    get('/authorize?client_id=https%3A%2F%2Fapp.example%2Fclient.json&response_type=code'),
  'GET /authorize that waits for a person': () => get(`/authorize?${requestQuery(clientId)}`),
  'POST /authorize': () => postForm('/authorize'),
  'POST /interaction without csrf': () => postForm('/interaction/xxxxxxxxxxxxxxxxxxxxx'),
  'POST /client-request without csrf': () => postForm('/client-request'),
  'POST /token with a wrong code': () =>
    postForm('/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: 'x',
      code_verifier: 'v'.repeat(43),
    }),
  'POST /token with a wrong refresh token': () =>
    postForm('/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: 'x' }),
  'POST /token of an unknown client': () => postForm('/token', { grant_type: 'x', client_id: 'cli_x' }),
  'POST /token with a malformed Authorization': () => postForm('/token', {}, { authorization: 'Basic x' }),
  'POST /introspect without authentication': () => postForm('/introspect', { token: 'x' }),
  'POST /revoke without authentication': () => postForm('/revoke', { token: 'x' }),
  'POST /register with a refused redirect': () =>
    postJson('/register', JSON.stringify({ redirect_uris: ['javascript:alert(1)'] })),
  'POST /register with a malformed body': () => postJson('/register', '{'),
  'GET /register/:id without its token': () => get('/register/cli_x'),
};

/** Records of the networks whose names begin so. */
const rows = async (network: string) => {
  const { rows: counted } = await server.database.pool.query(
    'SELECT count(*)::int AS count FROM audit_records WHERE starts_with(network, $1)',
    [network],
  );
  return counted[0].count as number;
};

async function send(door: Door, networkOf: (n: number) => string): Promise<void> {
  for (let n = 0; n < REQUESTS; n += 25) {
    const batch = Array.from({ length: 25 }, (_, more) => door({ 'x-forwarded-for': networkOf(n + more) }));
    for (const answer of await Promise.all(batch)) {
      await answer.arrayBuffer();
      expect(answer.status).toBeLessThan(500);
    }
  }
}

describe('audit records of anonymous requests', () => {
  it.each(Object.keys(DOORS))('SEC-M3: %s 500 times adds a bounded number of records', async (name) => {
    const door = DOORS[name]?.();
    if (!door) throw new Error('no such door');
    const network = `203.0.${Object.keys(DOORS).indexOf(name)}.113`;
    await send(door, () => network);
    const written = await rows(network);
    // The refusal itself, and those of the limits that are reached on the way.
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThanOrEqual(name.includes('waits for a person') ? 62 : ROWS_PER_KIND * 2);
  });

  it('SEC-M3: 500 requests from as many /64s of one /48 add a bounded number of records', async () => {
    const door = DOORS['POST /sign-in without csrf']?.();
    if (!door) throw new Error('no such door');
    await send(door, (n) => `2001:db8:77:${n.toString(16)}::1`);
    expect(await rows('2001:db8:77:')).toBeLessThanOrEqual(MAX_ROWS_PER_PREFIX);
  });

  it('SEC-M3: metrics count each refusal although the audit log counts them together', async () => {
    const signIns = async () =>
      (await scrape(server)).value('gatehouse_signins_total', { outcome: 'rejected' });
    const before = await signIns();
    await send(postForm('/sign-in'), () => '192.0.2.77');
    expect((await signIns()) - before).toBe(REQUESTS);
  });
});
