import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { sweepClients } from '../../../src/domain/clients/index.ts';
import { issueGrant, type NewGrant, revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { newId, newSecret } from '../../../src/kernel/ids.ts';
import { askedScopes, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { addPerson, authorizeUrl, connect, pkce, post, signedIn } from '../../support/flow.ts';
import { manage, NATIVE, type Registered, register } from '../../support/registration.ts';
import { addTestClient, cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';

const DAY = 86_400;
const LIFETIMES = { unused: 7 * DAY, idle: 90 * DAY };

let server: TestServer;
afterEach(() => server.stop());

const from = (network: string) => ({ 'x-forwarded-for': network });
const registerFrom = (network: string) => register(server, NATIVE, from(network));
const statuses = (answers: readonly Registered[]) => answers.map(({ status }) => status);

async function person() {
  const agent = createAgent();
  await signedIn(server, agent, await addPerson(server));
  return agent;
}

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < count; at += 1) results.push(await work());
  return results;
}

describe('how many may register', () => {
  const start = async (env: Readonly<Record<string, string>>) => {
    server = await startTestServer({
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1',
      ...env,
    });
  };

  it('L5: of a network that registers too often there is one record for each time that it is told', async () => {
    await start({ GATEHOUSE_THROTTLE_REGISTRATION_NETWORK: '3' });
    const {
      value: answers,
      records,
      clients,
    } = await observe(server, () => times(40, () => registerFrom('203.0.113.9')));
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(3);
    expect(statuses(answers).filter((status) => status === 429)).toHaveLength(37);
    expect(clients).toBe(3);
    expect(records).toHaveLength(4);
    expect(records[3]).toMatchObject({ event: 'request.throttled', reason: 'registration' });
    expect(Number(answers[39]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await registerFrom('203.0.113.10')).status).toBe(201);
  });

  it('L5: the network is the /64 of an IPv6 address', async () => {
    await start({ GATEHOUSE_THROTTLE_REGISTRATION_NETWORK: '1' });
    expect((await registerFrom('2001:db8:1:2::1')).status).toBe(201);
    expect((await registerFrom('2001:db8:1:2:ffff::2')).status).toBe(429);
    expect((await registerFrom('2001:db8:1:3::1')).status).toBe(201);
  });

  it('L5: refused registrations and changes count like others', async () => {
    await start({ GATEHOUSE_THROTTLE_REGISTRATION_NETWORK: '4' });
    const client = await registerFrom('203.0.113.9');
    const url = client.body.registration_client_uri;
    const change = () =>
      fetch(url, {
        method: 'PUT',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${client.body.registration_access_token}`,
          ...from('203.0.113.9'),
        },
        body: JSON.stringify({ ...NATIVE, client_id: client.body.client_id }),
      });
    expect((await register(server, '{', from('203.0.113.9'))).status).toBe(400);
    expect((await change()).status).toBe(200);
    expect((await change()).status).toBe(200);
    expect((await change()).status).toBe(429);
    expect((await registerFrom('203.0.113.9')).status).toBe(429);
  });

  it('L5: all networks together are limited too', async () => {
    await start({ GATEHOUSE_THROTTLE_REGISTRATION_ALL: '5' });
    const { value: answers, records } = await observe(server, () =>
      Promise.all(Array.from({ length: 12 }, (_, at) => registerFrom(`203.0.${at + 1}.113`))),
    );
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(5);
    // The first of each network; a network that goes on is counted.
    expect(records.filter(({ reason }) => reason === 'registration_all')).toHaveLength(7);
  });

  it('L5: a network has a quota of clients that nobody uses, which many at once do not exceed', async () => {
    await start({ GATEHOUSE_MAX_UNUSED_CLIENTS_NETWORK: '5' });
    const {
      value: answers,
      records,
      clients,
    } = await observe(server, () =>
      Promise.all(Array.from({ length: 20 }, () => registerFrom('203.0.113.9'))),
    );
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(5);
    expect(statuses(answers).filter((status) => status === 429)).toHaveLength(15);
    expect(clients).toBe(5);
    expect(records).toHaveLength(6);
    expect(records.filter(({ reason }) => reason === 'registration_quota_network')).toHaveLength(1);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ error: 'slow_down' });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await registerFrom('203.0.113.10')).status).toBe(201);
  });

  it('L5: all together have one, and a client that somebody uses does not count', async () => {
    await start({ GATEHOUSE_MAX_UNUSED_CLIENTS: '3' });
    let at = 1;
    const [first] = await times(3, () => registerFrom(`203.0.${at++}.9`));
    const { value: refused, records } = await observe(server, () => registerFrom('203.0.113.10'));
    expect(refused.status).toBe(429);
    expect(records).toEqual([
      expect.objectContaining({ event: 'request.throttled', reason: 'registration_quota' }),
    ]);
    await connect(server, await person(), first?.body.client_id ?? '');
    expect((await registerFrom('203.0.113.10')).status).toBe(201);
    const row = await server.database.prisma.client.findUniqueOrThrow({
      where: { id: first?.body.client_id ?? '' },
    });
    expect(row).toMatchObject({ usedAt: expect.any(Date), registeredFrom: null });
  });

  it('L5: to register and remove again and again leaves no row behind', async () => {
    await start({ GATEHOUSE_MAX_UNUSED_CLIENTS_NETWORK: '4' });
    const rounds = await times(4, async () => {
      const { body } = await registerFrom('203.0.113.9');
      return manage(body.registration_client_uri, 'DELETE', body.registration_access_token);
    });
    expect(statuses(rounds)).toEqual([204, 204, 204, 204]);
    // They count until they are swept, which is within a minute.
    expect((await registerFrom('203.0.113.9')).status).toBe(429);
    const { records, clients } = await observe(server, () => sweepClients(server.database.prisma, LIFETIMES));
    expect({ records, clients }).toEqual({ records: [], clients: -4 });
    expect((await registerFrom('203.0.113.9')).status).toBe(201);
  });
});

describe('the sweeper', () => {
  beforeEach(async () => {
    server = await startTestServer();
  });

  const sweep = () => sweepClients(server.database.prisma, LIFETIMES);
  const age = (clientIds: readonly string[], days: number) =>
    server.database.pool.query(
      `UPDATE clients SET created_at = created_at - make_interval(days => $2),
              used_at = used_at - make_interval(days => $2) WHERE id = ANY ($1)`,
      [clientIds, days],
    );
  const fresh = async () => (await register(server)).body.client_id;
  const standing = async (clientId: string) => {
    const row = await server.database.prisma.client.findUnique({ where: { id: clientId } });
    if (!row) return 'gone';
    return row.removedAt ? 'removed' : 'kept';
  };

  it('MCP 57: removes what nobody ever used, after a while and not before, with a record each', async () => {
    const [young, old, older] = [await fresh(), await fresh(), await fresh()];
    await age([young], 6);
    await age([old, older], 8);
    const { value: swept, records } = await observe(server, sweep);
    expect(swept).toBe(2);
    expect([await standing(young), await standing(old), await standing(older)]).toEqual([
      'kept',
      'gone',
      'gone',
    ]);
    expect(records).toHaveLength(2);
    for (const clientId of [old, older]) {
      expect(records).toContainEqual(
        expect.objectContaining({
          event: 'client.removed',
          outcome: 'success',
          reason: 'unused',
          client: clientId,
          tenant: 'ten_default',
        }),
      );
    }
    expect((await observe(server, sweep)).records).toEqual([]);
  });

  it('MCP 62: keeps a client for as long as a grant of it lives, however old it is', async () => {
    const clientId = await fresh();
    const tokens = await connect(server, await person(), clientId);
    await age([clientId], 4000);
    expect(await sweep()).toBe(0);
    const refreshed = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
    expect(refreshed.status).toBe(200);
  });

  it('MCP 62: removes it long after the last grant ended, and keeps what it did', async () => {
    const agent = await person();
    const [recent, ended] = [await fresh(), await fresh()];
    for (const clientId of [recent, ended]) await connect(server, agent, clientId);
    await server.database.prisma.$transaction(async (tx) => {
      await revokeGrantsOf(tx, { clientId: recent }, 'ended_by_administrator', cause);
      await revokeGrantsOf(tx, { clientId: ended }, 'ended_by_administrator', cause);
    });
    await age([recent, ended], 100);
    await server.database.pool.query(
      `UPDATE grants SET revoked_at = revoked_at - interval '91 days' WHERE client_id = $1`,
      [ended],
    );
    const { value: swept, records, grants } = await observe(server, sweep);
    expect(swept).toBe(1);
    expect([await standing(recent), await standing(ended)]).toEqual(['kept', 'removed']);
    expect(grants).toBe(0);
    expect(records).toEqual([
      expect.objectContaining({ event: 'client.removed', reason: 'no_living_grant', client: ended }),
    ]);
  });

  it('MCP 62: leaves alone what an administrator registered, or decided about', async () => {
    const { clientId: registered } = await addTestClient(server);
    const [blocked, trusted] = [await fresh(), await fresh()];
    for (const [id, trust] of [
      [blocked, 'blocked'],
      [trusted, 'trusted'],
    ] as const) {
      await server.database.prisma.client.update({ where: { id }, data: { trust } });
    }
    await age([registered, blocked, trusted], 4000);
    expect(await sweep()).toBe(0);
  });

  const grantOf = (clientId: string, userId: string): NewGrant => ({
    id: newId('grt'),
    tenantId: 'ten_default',
    userId,
    clientId,
    resource: FILES,
    scopes: ['files:read'],
    oidcScopes: [],
    redirectUri: 'http://127.0.0.1:53111/callback',
    normalizedRedirectUri: 'http://127.0.0.1/callback',
    sessionId: newId('ses'),
    authTime: new Date(),
    acr: 'phr',
    amr: ['pop'],
    lifetime: 3600,
    code: { value: newSecret(), codeChallenge: pkce().challenge, nonce: undefined, lifetime: 60 },
  });

  it('MCP 62: waits for a grant that is being made, and then there is one', async () => {
    const clientId = await fresh();
    const { id: userId } = await addPerson(server);
    await age([clientId], 8);
    const client = await server.database.pool.connect();
    try {
      await client.query('BEGIN');
      expect(await issueGrant(client as unknown as Pool, grantOf(clientId, userId), cause)).toBe(true);
      expect(await sweep()).toBe(0);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    expect(await sweep()).toBe(0);
    expect(await standing(clientId)).toBe('kept');
  });

  it('MCP 62: a client that is being swept gets no grant, and nobody a failure', async () => {
    const clientId = await fresh();
    const { id: userId } = await addPerson(server);
    const client = await server.database.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('DELETE FROM clients WHERE id = $1', [clientId]);
      const issued = issueGrant(server.database.pool, grantOf(clientId, userId), cause);
      const waits = 'SELECT 1 FROM pg_locks WHERE NOT granted';
      await expect.poll(async () => (await client.query(waits)).rowCount).toBeGreaterThan(0);
      await client.query('COMMIT');
      expect(await issued).toBe(false);
    } finally {
      client.release();
    }
  });

  it('MCP 62: takes no client away from somebody who is just allowing it something', async () => {
    const agents = await Promise.all(Array.from({ length: 4 }, person));
    const clients = await Promise.all(Array.from({ length: 24 }, fresh));
    const waiting = await Promise.all(
      clients.map(async (clientId, at) => {
        const { verifier, challenge } = pkce();
        const agent = agents[at % agents.length] ?? createAgent();
        const page = await agent.get(
          authorizeUrl(server, { client_id: clientId, code_challenge: challenge }),
        );
        return { clientId, agent, page, verifier };
      }),
    );
    let done = false;
    const sweeping = (async () => {
      while (!done) await sweep();
    })();
    const ends = await Promise.all(
      waiting.map(async ({ clientId, agent, page, verifier }, at) => {
        // Each becomes old at another moment of its way: before, while and after the grant is made.
        const aged = delay(at * 60).then(() => age([clientId], 8));
        const answer = await agent.submit(page, {
          scope: askedScopes(page),
          decision: 'allow',
        });
        await aged;
        const callback = answer.location ? new URL(answer.location).searchParams : undefined;
        const code = callback?.get('code') ?? undefined;
        if (code === undefined) {
          return { clientId, kept: false, said: callback?.get('error') ?? answer.status };
        }
        const { status } = await post(server, '/token', {
          grant_type: 'authorization_code',
          client_id: clientId,
          code,
          code_verifier: verifier,
          redirect_uri: 'http://127.0.0.1:53111/callback',
        });
        return { clientId, kept: true, said: status };
      }),
    );
    await age(clients, 8);
    await sweep();
    done = true;
    await sweeping;
    for (const { clientId, kept, said } of ends) {
      // Either it works; or it was swept before anything was allowed, and the person or the program was told.
      expect(kept ? [200] : [400, 'access_denied']).toContain(said);
      expect(await standing(clientId)).toBe(kept ? 'kept' : 'gone');
    }
  });
});
