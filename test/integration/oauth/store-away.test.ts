import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadPresented, redeemCode } from '../../../src/domain/grants/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { claimsOf, obtainCode, post, type TokenResponse } from '../../support/flow.ts';
import { type PostgresProxy, startPostgresProxy } from '../../support/postgres-proxy.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';
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
  tokensOf,
} from '../../support/token-requests.ts';

let store: TestDatabase;
let proxy: PostgresProxy;
/** Reaches its store by way of the proxy only. */
let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  store = await createTestDatabase({ poolSize: 3 });
  proxy = await startPostgresProxy(store.url);
  server = await startTestServer({ DATABASE_URL: proxy.url });
  ada = await connected(server);
});

afterAll(async () => {
  await server.stop();
  await proxy.stop();
  await store.drop();
});

/** Asked past the proxy. */
const own = () => ({ database: store.database });

function expectUnavailable({ status, headers, body }: TokenResponse): void {
  expect({ status, body }).toEqual({
    status: 503,
    body: { error: 'temporarily_unavailable', error_description: expect.any(String) },
  });
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(headers.get('cache-control')).toContain('no-store');
  expect(headers.get('content-type')).toMatch(/^application\/json\b/);
}

async function generationsOf(grantId: string): Promise<readonly number[]> {
  const { rows } = await store.database.pool.query<{ generation: number }>(
    'SELECT generation FROM refresh_tokens WHERE grant_id = $1 ORDER BY generation',
    [grantId],
  );
  return rows.map(({ generation }) => generation);
}

describe('a store that is away', () => {
  it('W3, MCP 40: makes every endpoint for programs answer 503, and nothing is lost or granted by it', async () => {
    const tokens = await freshTokens(server, ada);
    const good = await obtainCode(server, ada.agent, ada.clientId);
    await proxy.cut();
    try {
      const answers = await Promise.all([
        refresh(server, ada.clientId, tokens.refreshToken),
        refresh(server, ada.clientId, 'unknown'),
        refresh(server, 'cli_unknown', tokens.refreshToken),
        redeem(server, ada.clientId, good),
        redeem(server, ada.clientId, { ...good, verifier: 'x'.repeat(43) }),
        post(server, '/introspect', { token: tokens.accessToken, client_id: ada.clientId }),
        post(server, '/revoke', { token: tokens.accessToken, client_id: ada.clientId }),
        post(server, '/revoke', { token: tokens.refreshToken, client_id: ada.clientId }),
      ]);
      for (const answer of answers) expectUnavailable(answer);
    } finally {
      await proxy.restore();
    }
    expect(await introspect(store, tokens.accessToken, server)).toMatchObject({ active: true });
    expect((await refresh(server, ada.clientId, tokens.refreshToken)).status).toBe(200);
    expect((await redeem(server, ada.clientId, good)).status).toBe(200);
  });

  it('under load is 503 for as long as it lasts, never invalid_grant and never a false success, and over without a restart', async () => {
    const families = await Promise.all(Array.from({ length: 8 }, () => freshTokens(server, ada)));
    let stopped = false;
    const seen: TokenResponse[] = [];

    /** A client that goes on with what it has, whatever happens: a lost response is asked for again. */
    async function client({ refreshToken }: Tokens): Promise<string> {
      let current = refreshToken;
      while (!stopped) {
        const response = await refresh(server, ada.clientId, current);
        seen.push(response);
        if (response.status === 200) current = tokensOf(response).refreshToken;
        else await delay(10);
      }
      return current;
    }

    const clients = families.map(client);
    for (let outage = 0; outage < 3; outage += 1) {
      await delay(150);
      await proxy.cut();
      await delay(150);
      await proxy.restore();
    }
    await delay(300);
    stopped = true;
    const newest = await Promise.all(clients);

    const refused = seen.filter(({ status }) => status !== 200);
    for (const response of refused) expectUnavailable(response);
    expect(refused.length).toBeGreaterThan(10);
    expect(seen.length - refused.length).toBeGreaterThan(10);
    for (const [index, { grantId }] of families.entries()) {
      expect(await endOf(own(), grantId)).toBeUndefined();
      const generations = await generationsOf(grantId);
      expect(generations).toEqual(generations.map((_, n) => n));
      expect((await refresh(server, ada.clientId, newest[index])).status).toBe(200);
    }
  }, 60_000);
});

describe('a connection that breaks in the middle', () => {
  it('E3: a refresh whose commit was acknowledged to nobody is asked for again, and gives the one successor', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    proxy.breakAt('rotate-refresh-token', 'after');
    expectUnavailable(await refresh(server, ada.clientId, refreshToken));
    expect(await generationsOf(grantId)).toEqual([0, 1]);

    const retry = await refresh(server, ada.clientId, refreshToken);
    const successor = tokensOf(retry).refreshToken;
    expect(await recordsOf(own(), retry)).toEqual([expect.objectContaining({ event: 'refresh.replayed' })]);
    const { rows } = await store.database.pool.query('SELECT 1 FROM refresh_tokens WHERE token_hash = $1', [
      createHash('sha256').update(successor).digest(),
    ]);
    expect(rows).toHaveLength(1);
    expect(tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken).toBe(successor);
    expect((await refresh(server, ada.clientId, successor)).status).toBe(200);
    expect(await generationsOf(grantId)).toEqual([0, 1, 2]);
  });

  it('E3: a refresh that never reached the store spends nothing', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    for (const statement of ['present-refresh-token', 'rotate-refresh-token']) {
      proxy.breakAt(statement, 'before');
      expectUnavailable(await refresh(server, ada.clientId, refreshToken));
    }
    expect(await generationsOf(grantId)).toEqual([0]);
    const next = await refresh(server, ada.clientId, refreshToken);
    expect(await recordsOf(own(), next)).toEqual([expect.objectContaining({ event: 'refresh.rotated' })]);
  });

  it('D1: a code that never reached the store is not spent', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    for (const statement of ['present-code', 'redeem-code']) {
      proxy.breakAt(statement, 'before');
      expectUnavailable(await redeem(server, ada.clientId, good));
    }
    expect((await redeem(server, ada.clientId, good)).status).toBe(200);
  });

  it('D1: a redemption whose commit was acknowledged to nobody succeeds, because its record is there', async () => {
    for (const scope of ['files:read', 'openid files:read']) {
      const good = await obtainCode(server, ada.agent, ada.clientId, { scope });
      proxy.breakAt('redeem-code', 'after');
      const response = await redeem(server, ada.clientId, good);
      const { refreshToken, grantId } = tokensOf(response);
      expect(await recordsOf(own(), response)).toEqual([
        expect.objectContaining({
          event: 'token.issued',
          detail: { jti: claimsOf(response.body.access_token)['jti'] },
        }),
      ]);
      expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
      expect(await endOf(own(), grantId)).toBeUndefined();
    }
  });

  it.each([
    ['after', 200],
    ['before', 503],
  ] as const)(
    'D1: a redemption that lost its store right %s its commit is answered %d when the store is back',
    async (when, status) => {
      const good = await obtainCode(server, ada.agent, ada.clientId);
      const cut = new Promise<void>((resolve) =>
        proxy.breakAt('redeem-code', when, () => resolve(proxy.cut())),
      );
      const redemption = redeem(server, ada.clientId, good);
      await cut;
      await delay(300);
      await proxy.restore();
      const first = await redemption;
      expect(first.status).toBe(status);
      const { refreshToken, grantId } = tokensOf(
        status === 200 ? first : await redeem(server, ada.clientId, good),
      );
      expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
      expect(await endOf(own(), grantId)).toBeUndefined();
    },
  );

  it('D1: a redemption that a store comes to when nobody waits for it any more spends nothing', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const { presented } = await loadPresented(
      store.database.pool,
      ada.clientId,
      { kind: 'authorization_code', value: good.code },
      'open',
    );
    if (presented?.kind !== 'authorization_code') throw new Error('there is no such code');
    const { grant } = presented;
    const late = { ...presented, grant: { ...grant, asOf: new Date(grant.asOf.getTime() - 16_000) } };
    const entry = { event: 'token.issued', outcome: 'success', grant: grant.id } as const;
    expect(await redeemCode(store.database.pool, late, undefined, entry, cause)).toBe(false);
    expect((await redeem(server, ada.clientId, good)).status).toBe(200);
  });

  it('W3: a revocation whose commit was not acknowledged to us is not acknowledged by us', async () => {
    const { refreshToken, accessToken, grantId } = await freshTokens(server, ada);
    for (const [token, statement] of [
      [accessToken, 'revoke-access-token'],
      [refreshToken, 'revoke-grant'],
    ] as const) {
      for (const when of ['before', 'after'] as const) {
        proxy.breakAt(statement, when);
        expectUnavailable(await post(server, '/revoke', { token, client_id: ada.clientId }));
      }
      expect((await post(server, '/revoke', { token, client_id: ada.clientId })).status).toBe(200);
    }
    expect(await endOf(own(), grantId)).toBe('revoked_by_client');
  });

  it('E1: a reuse that could not be recorded is 503, and found again the next time', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const second = tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken;
    await refresh(server, ada.clientId, second);
    await store.database.pool.query(
      "UPDATE refresh_tokens SET used_at = used_at - interval '91 seconds' WHERE grant_id = $1",
      [grantId],
    );
    proxy.breakAt('revoke-grant', 'before');
    expectUnavailable(await refresh(server, ada.clientId, refreshToken));
    expect(await endOf(own(), grantId)).toBeUndefined();
    expect((await refresh(server, ada.clientId, refreshToken)).body.error).toBe('invalid_grant');
    expect(await endOf(own(), grantId)).toBe('refresh_reused');
  });
});

describe('conflicts in the store', () => {
  /** Makes writes of this table fail with a conflict, whenever `condition` holds for a running number. */
  async function withConflicts(
    table: string,
    condition: string,
    state: string,
    work: () => Promise<void>,
  ): Promise<number> {
    const { pool } = store.database;
    await pool.query(`
      CREATE SEQUENCE collisions;
      CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE n bigint := nextval('collisions');
      BEGIN IF ${condition} THEN RAISE SQLSTATE '${state}'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER collide BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION collide()`);
    try {
      await work();
      const { rows } = await pool.query<{ n: string }>('SELECT last_value AS n FROM collisions');
      return Number(rows[0]?.n);
    } finally {
      await pool.query(`DROP TRIGGER collide ON ${table}; DROP FUNCTION collide; DROP SEQUENCE collisions`);
    }
  }

  it('Y2: one request in ten that collides is tried again, and nobody notices', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    const good = await Promise.all(
      Array.from({ length: 10 }, () => obtainCode(server, ada.agent, ada.clientId)),
    );
    const writes = await withConflicts('refresh_tokens', 'n % 10 = 0', '40001', async () => {
      let current = refreshToken;
      for (let n = 0; n < 30; n += 1) {
        current = tokensOf(await refresh(server, ada.clientId, current)).refreshToken;
      }
      const redeemed = await Promise.all(good.map((each) => redeem(server, ada.clientId, each)));
      expect(redeemed.map(({ status }) => status)).toEqual(good.map(() => 200));
    });
    expect(writes).toBeGreaterThan(70);
    expect(await generationsOf(grantId)).toEqual(Array.from({ length: 31 }, (_, n) => n));
  });

  it.each(['40001', '40P01'])(
    'Y2: %s that does not end is 503 after three tries, without a trace',
    async (state) => {
      const { grantId, refreshToken } = await freshTokens(server, ada);
      const good = await obtainCode(server, ada.agent, ada.clientId);
      const tries = await withConflicts('refresh_tokens', 'true', state, async () => {
        expectUnavailable(await refresh(server, ada.clientId, refreshToken));
        expectUnavailable(await redeem(server, ada.clientId, good));
      });
      expect(tries).toBe(6);
      expect(await generationsOf(grantId)).toEqual([0]);
      expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
      expect((await redeem(server, ada.clientId, good)).status).toBe(200);
    },
  );

  it('W3, Y2: a revocation that collides is tried again, and one that cannot be is not acknowledged', async () => {
    const first = await freshTokens(server, ada);
    const second = await freshTokens(server, ada);
    const revoke = ({ refreshToken }: Tokens) =>
      post(server, '/revoke', { token: refreshToken, client_id: ada.clientId });
    await withConflicts('grants', 'n = 1', '40001', async () => {
      expect((await revoke(first)).status).toBe(200);
    });
    await withConflicts('grants', 'true', '40001', async () => expectUnavailable(await revoke(second)));
    expect(await endOf(own(), first.grantId)).toBe('revoked_by_client');
    expect(await endOf(own(), second.grantId)).toBeUndefined();
  });

  it('an audit trail that cannot be written lets nothing happen', async () => {
    const { grantId, refreshToken, accessToken } = await freshTokens(server, ada);
    const good = await obtainCode(server, ada.agent, ada.clientId);
    await withConflicts('audit_records', 'true', '53100', async () => {
      expectUnavailable(await refresh(server, ada.clientId, refreshToken));
      expectUnavailable(await redeem(server, ada.clientId, good));
      expectUnavailable(await redeem(server, ada.clientId, { ...good, verifier: 'x'.repeat(43) }));
      expectUnavailable(await refresh(server, ada.clientId, 'unknown'));
      expectUnavailable(await post(server, '/revoke', { token: accessToken, client_id: ada.clientId }));
    });
    expect(await generationsOf(grantId)).toEqual([0]);
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
    expect((await redeem(server, ada.clientId, good)).status).toBe(200);
  });
});
