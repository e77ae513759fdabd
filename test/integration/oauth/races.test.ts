import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { successorOf } from '../../../src/domain/grants/index.ts';
import { claimsOf, obtainCode, type TokenResponse } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  introspect,
  recordsOf,
  redeem,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer({ DATABASE_POOL_SIZE: '10' });
  ada = await connected(server);
});

afterAll(() => server.stop());

const invalidGrant = { status: 400, body: { error: 'invalid_grant' } };
const hashOf = (value: string) => createHash('sha256').update(value).digest();
const statuses = (responses: readonly TokenResponse[]) => responses.map(({ status }) => status);

async function generationsOf(grantId: string): Promise<readonly number[]> {
  const { rows } = await server.database.pool.query<{ generation: number }>(
    'SELECT generation FROM refresh_tokens WHERE grant_id = $1 ORDER BY generation',
    [grantId],
  );
  return rows.map(({ generation }) => generation);
}

async function grantOfCode(code: string): Promise<string> {
  const { rows } = await server.database.pool.query<{ grant_id: string }>(
    'SELECT grant_id FROM authorization_codes WHERE code_hash = $1',
    [hashOf(code)],
  );
  return rows[0]?.grant_id ?? '';
}

/** How often an event stands in the trail of a grant. */
async function eventsOf(grantId: string): Promise<Readonly<Record<string, number>>> {
  const { rows } = await server.database.pool.query<{ event: string; n: number }>(
    'SELECT event, count(*)::int AS n FROM audit_records WHERE "grant" = $1 GROUP BY event',
    [grantId],
  );
  return Object.fromEntries(rows.map(({ event, n }) => [event, n]));
}

describe('a request that waits for somebody who was faster', () => {
  let holder: pg.Client;

  beforeEach(async () => {
    holder = new pg.Client({ connectionString: server.databaseUrl });
    await holder.connect();
    return () => holder.end();
  });

  /** Does `fast` in a transaction, lets the request run into its locks, commits, and answers the request's fate. */
  async function overtaken(
    fast: readonly (readonly [text: string, values: readonly unknown[]])[],
    request: () => Promise<TokenResponse>,
  ): Promise<TokenResponse> {
    await holder.query('BEGIN');
    for (const [text, values] of fast) {
      const { rowCount } = await holder.query(text, [...values]);
      expect(rowCount).toBeGreaterThan(0);
    }
    const response = request();
    await untilBlocked(1);
    await holder.query('COMMIT');
    return response;
  }

  async function untilBlocked(sessions: number): Promise<void> {
    for (let look = 0; look < 400; look += 1) {
      const { rows } = await server.database.pool.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      if ((rows[0]?.n ?? 0) >= sessions) return;
      await delay(5);
    }
    throw new Error('nothing waits');
  }

  const endGrant = (id: string) =>
    ["UPDATE grants SET revoked_at = now(), revoked_reason = 'ended_by_user' WHERE id = $1", [id]] as const;

  it('D5: a grant that is ended while its code waits for the lock gives no tokens', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const grantId = await grantOfCode(good.code);
    const response = await overtaken([endGrant(grantId)], () => redeem(server, ada.clientId, good));
    expect(response).toMatchObject(invalidGrant);
    expect(await generationsOf(grantId)).toEqual([]);
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'token.rejected', reason: 'grant_ended' }),
    ]);
  });

  it('E9: a grant that is ended while its refresh waits for the lock is not refreshed', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    const response = await overtaken([endGrant(grantId)], () => refresh(server, ada.clientId, refreshToken));
    expect(response).toMatchObject(invalidGrant);
    expect(await generationsOf(grantId)).toEqual([0]);
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'grant_ended' }),
    ]);
  });

  it('E9: a person who is disabled while their refresh waits for the lock gets nothing', async () => {
    const eve = await connected(server);
    const { grantId, refreshToken } = await freshTokens(server, eve);
    const response = await overtaken(
      [
        ['UPDATE users SET disabled_at = now() WHERE id = $1', [eve.person.id]],
        [
          "UPDATE grants SET revoked_at = now(), revoked_reason = 'user_disabled' WHERE user_id = $1",
          [eve.person.id],
        ],
      ],
      () => refresh(server, eve.clientId, refreshToken),
    );
    expect(response).toMatchObject(invalidGrant);
    expect(await generationsOf(grantId)).toEqual([0]);
  });

  it('REP-F3: a repetition that waits while the leaf is rotated is given the new leaf', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    const old = tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken;
    const secret = await server.installation.secrets('refresh-derivation').current();
    const leaf = successorOf(old, 1, secret);
    const response = await overtaken(
      [
        ['SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [grantId]],
        [
          'UPDATE refresh_tokens SET used_at = now(), secret_version = $2 WHERE token_hash = $1',
          [hashOf(old), secret.version],
        ],
        [
          `INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, expires_at)
           VALUES ($1, $2, $3, 2, 0, now() + interval '1 day')`,
          [hashOf(leaf), grantId, ada.clientId],
        ],
      ],
      () => refresh(server, ada.clientId, refreshToken),
    );
    expect(tokensOf(response).refreshToken).toBe(leaf);
    expect(await endOf(server, grantId)).toBeUndefined();
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'refresh.replayed', grant: grantId }),
    ]);
  });

  /** What `changeScopes` does to a grant. */
  const narrow = (id: string) =>
    [
      "UPDATE grants SET scopes = '{files:read}', withdrawn_scopes = '{files:write}' WHERE id = $1",
      [id],
    ] as const;
  const wide = { scope: 'files:read files:write' };

  it.each([{}, wide])(
    'CLI-1: a refresh (%j) that waits while its grant is narrowed gives what the grant holds then',
    async (params) => {
      const { grantId, refreshToken } = await freshTokens(server, ada, wide);
      const response = await overtaken([narrow(grantId)], () =>
        refresh(server, ada.clientId, refreshToken, params),
      );
      expect(response.body.scope).toBe('files:read');
      expect(claimsOf(response.body.access_token)['scope']).toBe('files:read');
      expect(await generationsOf(grantId)).toEqual([0, 1]);
      expect(await recordsOf(server, response)).toEqual([
        expect.objectContaining({ event: 'refresh.rotated', scopes: ['files:read'] }),
      ]);
    },
  );

  it('CLI-1: a repetition that waits while its grant is narrowed gives what the grant holds then', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada, wide);
    const leaf = tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken;
    const response = await overtaken([narrow(grantId)], () => refresh(server, ada.clientId, refreshToken));
    expect(tokensOf(response).refreshToken).toBe(leaf);
    expect(claimsOf(response.body.access_token)['scope']).toBe('files:read');
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'refresh.replayed', scopes: ['files:read'] }),
    ]);
  });

  it('CLI-1: of refreshes that all wait while their grant is narrowed, none gives what was taken back', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada, wide);
    await holder.query('BEGIN');
    await holder.query(narrow(grantId)[0], [grantId]);
    const all = Array.from({ length: 6 }, () => refresh(server, ada.clientId, refreshToken));
    await untilBlocked(6);
    await holder.query('COMMIT');
    const tokens = (await Promise.all(all)).map(tokensOf);
    expect(tokens.map(({ accessToken }) => claimsOf(accessToken)['scope'])).toEqual(
      Array.from({ length: 6 }, () => 'files:read'),
    );
    expect(new Set(tokens.map((each) => each.refreshToken)).size).toBe(1);
    expect(await generationsOf(grantId)).toEqual([0, 1]);
  });

  it('CLI-1: a refresh that waits while its grant is widened succeeds, and the next one has more', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    const widen = ["UPDATE grants SET scopes = '{files:read,files:write}' WHERE id = $1", [grantId]] as const;
    const response = await overtaken([widen], () => refresh(server, ada.clientId, refreshToken));
    expect(response.body.scope).toBe('files:read');
    const next = await refresh(server, ada.clientId, response.body.refresh_token);
    expect(next.body.scope).toBe('files:read files:write');
  });

  it('D1: a wrong redemption that was slower than the right one is a reuse, and ends what that produced', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const grantId = await grantOfCode(good.code);
    const response = await overtaken(
      [['UPDATE authorization_codes SET used_at = now() WHERE code_hash = $1', [hashOf(good.code)]]],
      () => redeem(server, ada.clientId, { code: good.code, verifier: 'x'.repeat(43) }),
    );
    expect(response).toMatchObject(invalidGrant);
    expect(await endOf(server, grantId)).toBe('code_reused');
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'code.reused', reason: 'code_reused' }),
    ]);
  });

  it('D1: of redemptions that all wait for one lock, one wins, and the others end what it won', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const grantId = await grantOfCode(good.code);
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [grantId]);
    const all = Array.from({ length: 6 }, () => redeem(server, ada.clientId, good));
    await untilBlocked(6);
    await holder.query('ROLLBACK');
    const responses = await Promise.all(all);
    expect(statuses(responses).sort()).toEqual([200, 400, 400, 400, 400, 400]);
    expect(await endOf(server, grantId)).toBe('code_reused');
    expect(await generationsOf(grantId)).toEqual([0]);
  });

  it('MCP 38: of refreshes that all wait for one lock, all get the one successor', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [grantId]);
    const all = Array.from({ length: 6 }, () => refresh(server, ada.clientId, refreshToken));
    await untilBlocked(6);
    await holder.query('ROLLBACK');
    const tokens = (await Promise.all(all)).map(tokensOf);
    expect(new Set(tokens.map((each) => each.refreshToken)).size).toBe(1);
    expect(await generationsOf(grantId)).toEqual([0, 1]);
    expect(await endOf(server, grantId)).toBeUndefined();
  });
});

describe('two processes on one store', () => {
  const processes: ServerProcess[] = [];

  beforeAll(async () => {
    const environment = { ...server.environment, DATABASE_POOL_SIZE: '8' };
    processes.push(
      ...(await Promise.all([startServerProcess(environment), startServerProcess(environment)])),
    );
  }, 60_000);

  afterAll(() => Promise.all(processes.map((each) => each.stop())));

  /** The same request fifty times at once, over both processes in turn. */
  function fifty(request: (target: ServerProcess) => Promise<TokenResponse>): Promise<TokenResponse[]> {
    const targets = Array.from({ length: 50 }, (_, n) => processes[n % processes.length]);
    return Promise.all(targets.flatMap((target) => (target ? [request(target)] : [])));
  }

  it('D1: fifty redemptions of one code give one success, and the losers end its grant', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    const grantId = await grantOfCode(good.code);
    const responses = await fifty((target) => redeem(target, ada.clientId, good));

    const [won, ...alsoWon] = responses.filter(({ status }) => status === 200);
    expect(alsoWon).toEqual([]);
    const lost = responses.filter(({ status }) => status !== 200);
    expect(lost).toHaveLength(49);
    for (const response of lost) expect(response).toMatchObject(invalidGrant);
    expect(await endOf(server, grantId)).toBe('code_reused');
    expect(await generationsOf(grantId)).toEqual([0]);
    expect(await eventsOf(grantId)).toEqual({ 'grant.issued': 1, 'token.issued': 1, 'code.reused': 49 });

    const refreshed = await refresh(server, ada.clientId, won?.body.refresh_token);
    expect(refreshed).toMatchObject(invalidGrant);
    expect(await introspect(server, won?.body.access_token ?? '', server)).toEqual({ active: false });
  });

  it('D1: a right and a wrong redemption at once leave nothing alive, whichever is faster', async () => {
    for (let round = 0; round < 10; round += 1) {
      const good = await obtainCode(server, ada.agent, ada.clientId);
      const grantId = await grantOfCode(good.code);
      const [one, two] = processes;
      if (!one || !two) throw new Error('two processes run');
      const [right, wrong] = await Promise.all([
        redeem(one, ada.clientId, good),
        redeem(two, ada.clientId, { code: good.code, verifier: 'x'.repeat(43) }),
      ]);
      expect(wrong).toMatchObject(invalidGrant);
      expect([200, 400]).toContain(right.status);
      expect(await endOf(server, grantId)).toBe('code_reused');
    }
  });

  it('MCP 38, SEC-H1: of fifty refreshes of one refresh token 17 get the same successor, and the others 429', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    const responses = await fifty((target) => refresh(target, ada.clientId, refreshToken));
    const tokens = responses.filter(({ status }) => status === 200).map(tokensOf);

    const successors = new Set(tokens.map((each) => each.refreshToken));
    expect(successors.size).toBe(1);
    expect(new Set(tokens.map((each) => each.accessToken)).size).toBe(17);
    expect(statuses(responses).filter((status) => status === 429)).toHaveLength(33);
    expect(await generationsOf(grantId)).toEqual([0, 1]);
    expect(await eventsOf(grantId)).toEqual({
      'grant.issued': 1,
      'token.issued': 1,
      'refresh.rotated': 1,
      'refresh.replayed': 16,
      // With the throttle off, each refusal is recorded.
      'request.throttled': 33,
    });
    const [successor = ''] = successors;
    expect((await refresh(server, ada.clientId, successor)).status).toBe(200);
  });

  it('E2: processes that refresh as fast as they can never fork a family', async () => {
    let { refreshToken, grantId } = await freshTokens(server, ada);
    for (let generation = 1; generation <= 20; generation += 1) {
      const answers = await Promise.all(
        processes.map((target) => refresh(target, ada.clientId, refreshToken)),
      );
      const next = new Set(answers.map(tokensOf).map((each) => each.refreshToken));
      expect(next.size).toBe(1);
      [refreshToken = ''] = next;
    }
    expect(await generationsOf(grantId)).toEqual(Array.from({ length: 21 }, (_, n) => n));
  });

  it('CLI-1: refreshes of both processes go on while the user narrows, and none that begins later has what was taken back', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { grantId, refreshToken } = await freshTokens(server, ada, { scope: 'files:read files:write' });
      const form = await ada.agent.get(`${server.issuer}/account/connections/${grantId}/scopes`);
      let narrowed = false;
      const family = async (target: ServerProcess) => {
        let token = refreshToken;
        for (let last = false; !last; ) {
          last = narrowed;
          const response = await refresh(target, ada.clientId, token);
          const scope = claimsOf(tokensOf(response).accessToken)['scope'];
          if (last) expect(scope).toBe('files:read');
          token = tokensOf(response).refreshToken;
        }
      };
      const families = processes.flatMap((target) => [family(target), family(target)]);
      const saved = await ada.agent.submit(form, { scope: 'files:read' });
      narrowed = true;
      await Promise.all(families);
      expect(saved.url).toContain('connection-narrowed');
      expect(await endOf(server, grantId)).toBeUndefined();
    }
  });

  it('MCP 38: processes that derive with different secrets give the same successor', async () => {
    const first = await freshTokens(server, ada);
    const underOne = tokensOf(await refresh(server, ada.clientId, first.refreshToken));
    await server.database.pool.query(
      "INSERT INTO server_secrets (purpose, version, sealed) VALUES ('refresh-derivation', 2, $1)",
      [
        server.installation.sealer.seal(
          {
            purpose: 'server-secret',
            table: 'server_secrets',
            column: 'sealed',
            row: 'refresh-derivation 2',
          },
          randomBytes(32),
        ),
      ],
    );
    const newcomer = await startServerProcess(server.environment);
    try {
      const repeated = tokensOf(await refresh(newcomer, ada.clientId, first.refreshToken));
      expect(repeated.refreshToken).toBe(underOne.refreshToken);
      const underTwo = tokensOf(await refresh(newcomer, ada.clientId, underOne.refreshToken));
      for (const target of [server, newcomer, ...processes]) {
        const again = tokensOf(await refresh(target, ada.clientId, underOne.refreshToken));
        expect(again.refreshToken).toBe(underTwo.refreshToken);
      }
      const { rows } = await server.database.pool.query(
        'SELECT secret_version FROM refresh_tokens WHERE grant_id = $1 AND used_at IS NOT NULL ORDER BY generation',
        [first.grantId],
      );
      expect(rows).toEqual([{ secret_version: 1 }, { secret_version: 2 }]);
    } finally {
      await newcomer.stop();
    }
  });

  it('E5: a thief and the owner at once: the grant is over, and nobody can go on', async () => {
    const thief = await connected(server);
    for (let round = 0; round < 5; round += 1) {
      const { grantId, refreshToken } = await freshTokens(server, ada);
      const [one, two] = processes;
      if (!one || !two) throw new Error('two processes run');
      const [owner, stolen] = await Promise.all([
        refresh(one, ada.clientId, refreshToken),
        refresh(two, thief.clientId, refreshToken),
      ]);
      expect(stolen).toMatchObject(invalidGrant);
      expect(await endOf(server, grantId)).toBe('token_in_foreign_hands');
      const newest = owner.body.refresh_token ?? refreshToken;
      expect(await refresh(server, ada.clientId, newest)).toMatchObject(invalidGrant);
    }
  });

  it('E11: two clients of one session in the browser refresh at once, and both succeed', async () => {
    const other = await connected(server);
    for (let round = 0; round < 5; round += 1) {
      const first = await freshTokens(server, ada);
      const second = await freshTokens(server, { ...ada, clientId: other.clientId });
      const [one, two] = processes;
      if (!one || !two) throw new Error('two processes run');
      const responses = await Promise.all([
        refresh(one, ada.clientId, first.refreshToken),
        refresh(two, other.clientId, second.refreshToken),
      ]);
      expect(statuses(responses)).toEqual([200, 200]);
    }
    const session = await ada.agent.get(`${server.issuer}/account`);
    expect(session.status).toBe(200);
  });
});
