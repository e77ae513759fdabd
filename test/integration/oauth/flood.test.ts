import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import { sweepGrants } from '../../../src/domain/grants/index.ts';
import { requestQuery } from '../../support/authorization.ts';
import { post } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const PER_NETWORK = 40;
const IN_ALL = 1_000;
/** Of one IPv4 /24 or IPv6 /48: 5 %. */
const SHARE = 50;

let server: TestServer;
let clientId: string;

beforeAll(async () => {
  server = await startTestServer({
    GATEHOUSE_THROTTLE: 'on',
    GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1/32',
    GATEHOUSE_THROTTLE_AUTHORIZATION_NETWORK: String(PER_NETWORK),
    GATEHOUSE_THROTTLE_REGISTRATION_NETWORK: '5',
    GATEHOUSE_THROTTLE_TOKEN_NETWORK: '100',
    GATEHOUSE_MAX_INTERACTIONS: String(IN_ALL),
  });
  ({ clientId } = await addTestClient(server));
});
afterAll(() => server.stop());

const begin = (network: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${server.issuer}/authorize?${requestQuery(clientId)}`, {
    redirect: 'manual',
    headers: { accept: 'text/html', 'x-forwarded-for': network, ...headers },
  });
const interactions = async () => {
  const { rows } = await server.database.pool.query('SELECT count(*)::int AS count FROM interactions');
  return rows[0].count as number;
};
const throttled = async (reason: string) =>
  (await listAudit(server.database.prisma, { event: 'request.throttled', limit: 1_000 })).filter(
    (record) => record.reason === reason,
  );
const statusesOf = (answers: readonly Response[]) => Object.groupBy(answers, ({ status }) => String(status));

describe('authorization requests of nobody', () => {
  it('X5: one network begins so many and no more, and is then told when to come back', async () => {
    const answers: Response[] = [];
    for (let round = 0; round < 10; round += 1) {
      answers.push(...(await Promise.all(Array.from({ length: 20 }, () => begin('198.51.100.7')))));
    }
    const { 303: begun = [], 429: refused = [] } = statusesOf(answers);
    expect([begun.length, refused.length]).toEqual([PER_NETWORK, 200 - PER_NETWORK]);
    expect(await interactions()).toBe(PER_NETWORK);
    for (const answer of refused) {
      const wait = Number(answer.headers.get('retry-after'));
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(60);
      expect(answer.headers.get('cache-control')).toContain('no-store');
    }
    expect(await refused[0]?.text()).toContain('Too many attempts');
    // One record says it; a flood of requests does not become a flood of records.
    expect(await throttled('authorization')).toEqual([
      expect.objectContaining({ outcome: 'refused', network: '198.51.100.7' }),
    ]);
  });

  it('SEC-M4: networks of one /24 together hold 5 % of all authorizations under way', async () => {
    const answers: Response[] = [];
    for (let network = 1; network <= 4; network += 1) {
      answers.push(...(await Promise.all(Array.from({ length: 20 }, () => begin(`198.51.101.${network}`)))));
    }
    const { 303: begun = [], 429: refused = [] } = statusesOf(answers);
    expect([begun.length, refused.length]).toEqual([SHARE, 80 - SHARE]);
    expect(refused[0]?.headers.get('retry-after')).toBe('30');
    expect((await throttled('interactions_network')).length).toBeGreaterThan(0);
    const asJson = await begin('198.51.101.9', { accept: 'application/json' });
    expect(await asJson.json()).toMatchObject({ error: 'slow_down' });
    expect((await begin('198.51.102.1')).status).toBe(303);
  });

  it('X5, SEC-M4: a full server evicts the oldest authorization of the largest prefix and lets others begin', async () => {
    for (let prefix = 1; prefix <= 30; prefix += 1) {
      await Promise.all(Array.from({ length: 40 }, () => begin(`198.18.${prefix}.1`)));
    }
    const held = await interactions();
    expect(held).toBeGreaterThanOrEqual(IN_ALL);
    expect(held).toBeLessThanOrEqual(IN_ALL + 40);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => begin(`198.19.${n}.1`)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(303));
    expect(await interactions()).toBeLessThanOrEqual(held);
    const { rows } = await server.database.pool.query(
      `SELECT network, count(*)::int AS count FROM interactions WHERE network LIKE '198.19.%' GROUP BY network`,
    );
    expect(rows).toHaveLength(10);
    await server.database.pool.query(`UPDATE interactions SET expires_at = now() - interval '1 second'`);
    expect(await sweepGrants(server.database.pool)).toBeGreaterThanOrEqual(IN_ALL);
    await expect
      .poll(async () => (await begin('198.51.103.1')).status, { timeout: 3_000, interval: 200 })
      .toBe(303);
  });

  it('X5: a network of IPv6 is its /64, at /authorize and at /register', async () => {
    const statuses: number[] = [];
    for (let host = 1; host <= PER_NETWORK + 1; host += 1) {
      statuses.push((await begin(`2001:db8:1:2::${host.toString(16)}`)).status);
    }
    expect(statuses.slice(0, -1)).not.toContain(429);
    expect(statuses.at(-1)).toBe(429);
    expect((await begin('2001:db8:1:3::1')).status).toBe(303);

    const register = async (host: number) =>
      fetch(`${server.issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': `2001:db8:2:2::${host}` },
        body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
      });
    for (let host = 1; host <= 5; host += 1) expect((await register(host)).status).toBe(201);
    const refused = await register(6);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: 'slow_down' });
  });

  it('X5: sweeping takes as many batches as there are', async () => {
    await server.database.pool.query(
      `INSERT INTO interactions (id_hash, kind, sealed, expires_at)
       SELECT sha256(n::text::bytea), 'interaction', ''::bytea, now() - interval '1 hour' FROM generate_series(1, 3500) n`,
    );
    const before = await interactions();
    expect(await sweepGrants(server.database.pool)).toBeGreaterThanOrEqual(3_500);
    expect(await interactions()).toBe(before - 3_500);
  });
});

describe('guesses', () => {
  it('D8: a loop of random codes ends in 429', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 150 && statuses.at(-1) !== 429; n += 1) {
      const { status } = await post(server, '/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        code: `guess-${n}`,
        code_verifier: 'v'.repeat(43),
        redirect_uri: 'http://127.0.0.1/callback',
      });
      statuses.push(status);
    }
    expect(statuses.at(-1)).toBe(429);
    expect(statuses).not.toContain(200);
    expect(statuses.length).toBeLessThanOrEqual(102);
  });
});
