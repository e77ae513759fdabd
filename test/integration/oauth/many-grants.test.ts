import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findClient, removeClient } from '../../../src/domain/clients/index.ts';
import {
  COUNTED,
  endConnectionsOfClient,
  listConnections,
  revokeGrantsOf,
  settleCutoffs,
} from '../../../src/domain/grants/index.ts';
import { authorizeUrl, obtainCode, pkce } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  introspect,
  recordsOf,
  redeem,
  refresh,
  type Tokens,
} from '../../support/token-requests.ts';

/** `npm run test:long` takes a million. */
const LONG = process.env['GATEHOUSE_TEST_LONG'] !== undefined;
const MANY = LONG ? 1_000_000 : 10_000;
const FEWER = LONG ? 100_000 : 5_000;

let server: TestServer;
let ada: Connected;
let other: Connected;
/** For questions about millions of rows, which may take their time. */
let patient: pg.Client;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
  other = { ...ada, clientId: (await addTestClient(server)).clientId };
  patient = new pg.Client({ connectionString: server.databaseUrl });
  await patient.connect();
});
afterAll(async () => {
  await patient.end();
  await server.stop();
});

const newClient = async (): Promise<Connected> => ({
  ...ada,
  clientId: (await addTestClient(server)).clientId,
});

/** As many living grants more as one compromised client may have. */
async function multiply({ grantId }: Tokens, times: number): Promise<void> {
  const columns = `tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri, auth_time, acr, amr,
    client_epoch, epoch, activated_at, expires_at`;
  for (let made = 0; made < times; made += 10_000) {
    await server.database.pool.query(
      `INSERT INTO grants (id, ${columns}) SELECT 'grt_' || md5($2 || n) || n, ${columns}
       FROM grants, generate_series($3::int + 1, $4::int) n WHERE id = $1`,
      [grantId, grantId, made, Math.min(made + 10_000, times)],
    );
  }
}

const active = async (token: string) => (await introspect(server, token, server))['active'];
const revokeAll = async (clientId: string) => {
  const client = await findClient(server.database.pool, clientId);
  if (!client) throw new Error('there is no such client');
  return endConnectionsOfClient(server.database.prisma, client, cause);
};
const remove = async (clientId: string) =>
  (await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause)).grantsRevoked;

/** How many grants of a client a row says an end of. */
async function settled(clientId: string): Promise<number> {
  const { rows } = await patient.query(
    'SELECT count(*)::int AS count FROM grants WHERE client_id = $1 AND revoked_at IS NOT NULL',
    [clientId],
  );
  return rows[0].count;
}

const trailOf = async (clientId: string) => {
  const { rows } = await patient.query(
    `SELECT count(*)::int AS count, count(DISTINCT "grant")::int AS grants, count(DISTINCT id)::int AS ids,
            min(reason) AS reason, min(subject) AS subject, min(tenant) AS tenant, min(request_id) AS request,
            bool_and(id ~ '^aud_[A-Za-z0-9_-]{22}$') AS named
     FROM audit_records WHERE event = 'grant.revoked' AND client = $1`,
    [clientId],
  );
  return rows[0];
};

describe('W7: a client with very many grants', () => {
  it.each([
    ['that is removed', 'client_removed', remove, FEWER],
    ['whose connections are all ended', 'ended_by_administrator', revokeAll, MANY],
  ] as const)(
    'W7: %s loses them at once, in one short act that does not grow with them, and nobody else loses any',
    async (_what, reason, act, many) => {
      const compromised = await newClient();
      const { clientId } = compromised;
      const theirs = await freshTokens(server, compromised);
      const inFlight = await obtainCode(server, ada.agent, clientId);
      const others = await freshTokens(server, other);
      await multiply(theirs, many);
      expect(await active(theirs.accessToken)).toBe(true);

      const started = performance.now();
      expect(await act(clientId)).toBe(Math.min(many + 2, COUNTED));
      const effective = performance.now() - started;

      expect(await settled(clientId)).toBe(1_000);
      expect(await active(theirs.accessToken)).not.toBe(true);
      for (const response of [
        await refresh(server, clientId, theirs.refreshToken),
        await redeem(server, clientId, inFlight),
      ]) {
        expect(response.status).toBe(act === remove ? 401 : 400);
      }
      const connections = await listConnections(server.database.prisma, ada.person.id);
      expect(connections.filter(({ client }) => client.id === clientId)).toEqual([]);
      expect(await active(others.accessToken)).toBe(true);

      // What housekeeping does, here by two processes at the same time.
      const written = performance.now();
      while ((await settled(clientId)) < many + 2) {
        await Promise.all([settleCutoffs(server.database.prisma), settleCutoffs(server.database.prisma)]);
      }
      if (LONG) {
        const settling = ((performance.now() - written) / 1000).toFixed(0);
        console.log(
          `${many} grants of a client ended in ${effective.toFixed(0)} ms, written down in ${settling} s`,
        );
      }
      expect(await trailOf(clientId)).toEqual({
        count: many + 2,
        grants: many + 2,
        ids: many + 2,
        named: true,
        reason,
        subject: ada.person.id,
        tenant: 'ten_default',
        request: cause.requestId,
      });
      const metrics = await (await fetch(`${server.internal}/metrics`)).text();
      expect(metrics).toContain(`gatehouse_grants_revoked_total{reason="${reason}"} ${many + 2}`);
      expect(await settleCutoffs(server.database.prisma)).toBe(0);
      expect((await refresh(server, other.clientId, others.refreshToken)).status).toBe(200);
    },
    LONG ? 3_600_000 : 60_000,
  );

  it('W7: can be connected anew in the same moment, and what is new is not written off with the old', async () => {
    const client = await newClient();
    const before = await freshTokens(server, client);
    await multiply(before, 2_000);
    await revokeAll(client.clientId);
    const after = await freshTokens(server, client);

    await settleCutoffs(server.database.prisma);
    expect(await settled(client.clientId)).toBe(2_001);
    expect(await endOf(server, after.grantId)).toBeUndefined();
    expect((await refresh(server, client.clientId, after.refreshToken)).status).toBe(200);
    expect((await refresh(server, client.clientId, before.refreshToken)).status).toBe(400);
  });

  it('W7: that is ended twice says of each grant which time it was', async () => {
    const client = await newClient();
    await multiply(await freshTokens(server, client), 1_500);
    expect(await revokeAll(client.clientId)).toBe(1_501);
    await multiply(await freshTokens(server, client), 1_500);
    expect(await remove(client.clientId)).toBe(1_501);

    await settleCutoffs(server.database.prisma);
    const { rows } = await server.database.pool.query(
      `SELECT client_epoch AS epoch, revoked_reason AS reason, count(*)::int AS count FROM grants
       WHERE client_id = $1 GROUP BY 1, 2 ORDER BY 1`,
      [client.clientId],
    );
    expect(rows).toEqual([
      { epoch: 1, reason: 'ended_by_administrator', count: 1_501 },
      { epoch: 2, reason: 'client_removed', count: 1_501 },
    ]);
  });

  it('W7: a grant that somebody holds is dead like the others, and says so later', async () => {
    const client = await newClient();
    const tokens = await freshTokens(server, client);
    const holder = await server.database.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [tokens.grantId]);
    try {
      expect(await revokeAll(client.clientId)).toBe(1);
      expect(await active(tokens.accessToken)).toBe(false);
      expect(await settleCutoffs(server.database.prisma)).toBe(0);
      expect(await endOf(server, tokens.grantId)).toBeUndefined();
    } finally {
      await holder.query('COMMIT');
      holder.release();
    }
    expect(await settleCutoffs(server.database.prisma)).toBe(1);
    expect(await endOf(server, tokens.grantId)).toBe('ended_by_administrator');
  });
});

describe('W7: what is under way while a client loses its grants', () => {
  /** Lets `during` happen while the act is not committed yet. */
  async function meanwhile<T>(clientId: string, during: () => Promise<T>): Promise<T> {
    return server.database.prisma.$transaction(async (tx) => {
      await revokeGrantsOf(tx, { clientId }, 'ended_by_administrator', cause);
      return during();
    });
  }

  it('W7: a grant that was made while the act had not committed is dead with it', async () => {
    const client = await newClient();
    await freshTokens(server, client);
    const made = await meanwhile(client.clientId, async () => ({
      code: await obtainCode(server, ada.agent, client.clientId),
      tokens: await freshTokens(server, client),
    }));

    const { accessToken, refreshToken } = made.tokens;
    expect(await active(accessToken)).toBe(false);
    for (const response of [
      await redeem(server, client.clientId, made.code),
      await refresh(server, client.clientId, refreshToken),
    ]) {
      expect(response).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
      expect(await recordsOf(server, response)).toMatchObject([{ reason: 'grant_ended' }]);
    }
    // The act could not see the two that came late, and had written into all that it saw.
    expect(await settled(client.clientId)).toBe(1);
    await settleCutoffs(server.database.prisma);
    expect(await settled(client.clientId)).toBe(3);
  });

  it('W7: what a refresh gives that began before the act is dead with its grant', async () => {
    const client = await newClient();
    const tokens = await freshTokens(server, client);
    const holder = await server.database.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [tokens.grantId]);
    const rotating = refresh(server, client.clientId, tokens.refreshToken);
    await expect
      .poll(async () => {
        const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
        return (await holder.query(waiting)).rowCount;
      })
      .toBe(1);
    await revokeAll(client.clientId);
    await holder.query('COMMIT');
    holder.release();

    // Its statement saw the epoch of before, and may go through.
    const { body } = await rotating;
    expect(await active(body.access_token ?? tokens.accessToken)).toBe(false);
    const latest = body.refresh_token ?? tokens.refreshToken;
    expect((await refresh(server, client.clientId, latest)).status).toBe(400);
    await settleCutoffs(server.database.prisma);
    expect(await settled(client.clientId)).toBe(1);
  });

  it('W7: an act that does not commit ends nothing', async () => {
    const client = await newClient();
    const tokens = await freshTokens(server, client);
    await meanwhile(client.clientId, async () => {
      throw new Error('no');
    }).catch(() => undefined);

    expect(await active(tokens.accessToken)).toBe(true);
    expect((await refresh(server, client.clientId, tokens.refreshToken)).status).toBe(200);
    expect(await settleCutoffs(server.database.prisma)).toBe(0);
  });
});

it('W7: consent that was remembered before asks again, and counts again once it is given', async () => {
  const { clientId } = await addTestClient(server, {
    redirectUris: ['https://app.example/callback'],
    trust: 'trusted',
  });
  const redirect = { redirect_uri: 'https://app.example/callback' };
  const ask = async () => {
    const url = authorizeUrl(server, {
      client_id: clientId,
      code_challenge: pkce().challenge,
      prompt: 'none',
      ...redirect,
    });
    const { location } = await ada.agent.get(url);
    return new URL(location ?? '').searchParams.get('error') ?? 'code';
  };
  expect(await ask()).toBe('consent_required');
  await obtainCode(server, ada.agent, clientId, redirect);
  expect(await ask()).toBe('code');

  await revokeAll(clientId);
  expect(await ask()).toBe('consent_required');
  await obtainCode(server, ada.agent, clientId, redirect);
  expect(await ask()).toBe('code');
});
