import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import { sweepGrants } from '../../../src/domain/grants/index.ts';
import { requestQuery } from '../../support/authorization.ts';
import { post } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const PER_NETWORK = 40;
const IN_ALL = 100;

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

  it('X5: all networks together begin so many and no more, and there is room again when they have expired', async () => {
    const answers: Response[] = [];
    for (let network = 1; network <= 10; network += 1) {
      answers.push(...(await Promise.all(Array.from({ length: 20 }, () => begin(`198.51.101.${network}`)))));
      expect(await interactions()).toBeLessThanOrEqual(IN_ALL + 20);
    }
    const full = answers.filter(({ status }) => status === 429);
    expect(full.length).toBeGreaterThanOrEqual(200 - IN_ALL);
    expect(full[0]?.headers.get('retry-after')).toBe('30');
    expect(await throttled('interactions')).toHaveLength(1);
    const asJson = await begin('198.51.102.1', { accept: 'application/json' });
    expect(await asJson.json()).toMatchObject({ error: 'slow_down' });

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
