import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { requestQuery } from '../../support/authorization.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const MAX_INTERACTIONS = 1_500;
const MAX_UNUSED_CLIENTS = 200;
/** 5 % of each. */
const INTERACTIONS_SHARE = 75;
const CLIENTS_SHARE = 10;
/** Networks of the attacker: /64s of one /48. */
const ATTACKERS = 1_600;

let server: TestServer;
let clientId: string;

beforeAll(async () => {
  server = await startTestServer({
    GATEHOUSE_THROTTLE: 'on',
    GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1/32',
    GATEHOUSE_MAX_INTERACTIONS: String(MAX_INTERACTIONS),
    GATEHOUSE_MAX_UNUSED_CLIENTS: String(MAX_UNUSED_CLIENTS),
    GATEHOUSE_MAX_UNUSED_CLIENTS_NETWORK: '50',
  });
  ({ clientId } = await addTestClient(server));
});
afterAll(() => server.stop());

const begin = (network: string) =>
  fetch(`${server.issuer}/authorize?${requestQuery(clientId)}`, {
    redirect: 'manual',
    headers: { accept: 'text/html', 'x-forwarded-for': network },
  });
const register = (network: string) =>
  fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': network },
    body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
  });
const attacker = (n: number) => `2001:db8:666:${n.toString(16)}::1`;
const count = async (statement: string) =>
  (await server.database.pool.query(`SELECT count(*)::int AS count FROM ${statement}`)).rows[0]
    .count as number;

async function flood(request: (network: string) => Promise<Response>, networks: number) {
  const statuses: number[] = [];
  for (let n = 0; n < networks; n += 40) {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, more) => request(attacker(n + more))));
    statuses.push(...answers.map(({ status }) => status));
  }
  return statuses;
}

describe('limits by prefix', () => {
  it('SEC-M4: 1,600 /64s of one /48 cannot fill GATEHOUSE_MAX_INTERACTIONS: another network still gets in', async () => {
    const statuses = await flood(begin, ATTACKERS);
    expect(statuses.filter((status) => status === 303)).toHaveLength(INTERACTIONS_SHARE);
    expect(await count('interactions')).toBe(INTERACTIONS_SHARE);
    expect((await begin('203.0.113.9')).status).toBe(303);
    expect((await begin('2001:db8:777::1')).status).toBe(303);
  });

  it('SEC-M4: one /48 cannot fill the quota of unused clients: another network still registers', async () => {
    const statuses = await flood(register, 80);
    expect(statuses.filter((status) => status === 201)).toHaveLength(CLIENTS_SHARE);
    expect(await count('clients WHERE registered_from IS NOT NULL')).toBe(CLIENTS_SHARE);
    expect((await register('203.0.113.9')).status).toBe(201);
  });
});
