import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { endCompromisedFamilies } from '../../../src/domain/grants/index.ts';
import { basic, claimsOf, post } from '../../support/flow.ts';
import { addTestClient, cause, MAIL, startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  recordsOf,
  refresh,
  send,
  tokensOf,
} from '../../support/token-requests.ts';

const OWNER = { 'X-Forwarded-For': '192.0.2.1' };
const THIEF = { 'X-Forwarded-For': '198.51.100.7' };
const GRACE_SECONDS = 90;
const MAX_REPETITIONS = 16;

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer({ DATABASE_POOL_SIZE: '10', GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1,::1' });
  ada = await connected(server);
});
afterAll(() => server.stop());

/** Refreshes from one network. */
const refreshFrom = (
  network: typeof OWNER,
  refreshToken: string,
  target: TestServer = server,
  clientId = ada.clientId,
) =>
  send(
    target,
    '/token',
    { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken },
    network,
  );

const hashOf = (token: string) => createHash('sha256').update(token).digest();

/** Moves the first use of a token into the past. */
async function ageUse(token: string, seconds: number): Promise<void> {
  const { rowCount } = await server.database.pool.query(
    'UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $2) WHERE token_hash = $1 AND used_at IS NOT NULL',
    [hashOf(token), seconds],
  );
  expect(rowCount).toBe(1);
}

/** The refresh tokens of one connection, generation by generation; the last one is the leaf. */
async function rotatedTimes(rotations: number) {
  const { refreshToken, grantId } = await freshTokens(server, ada);
  const generations = [refreshToken];
  for (let n = 0; n < rotations; n += 1) {
    const answer = await refreshFrom(OWNER, generations.at(-1) ?? '');
    generations.push(tokensOf(answer).refreshToken);
  }
  return { generations, grantId, leaf: generations.at(-1) ?? '' };
}

async function countOf(grantId: string, event: string): Promise<number> {
  const { rows } = await server.database.pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM audit_records WHERE "grant" = $1 AND event = $2',
    [grantId, event],
  );
  return rows[0]?.n ?? 0;
}

async function generationsOf(grantId: string): Promise<readonly number[]> {
  const { rows } = await server.database.pool.query<{ generation: number }>(
    'SELECT generation FROM refresh_tokens WHERE grant_id = $1 ORDER BY generation',
    [grantId],
  );
  return rows.map(({ generation }) => generation);
}

describe('a thief who copied one refresh token once', () => {
  it('SEC-H1, E13: polls introspection and repeats the token after each rotation: learns nothing, and is noticed', async () => {
    const { refreshToken: copied, grantId, accessToken } = await freshTokens(server, ada);
    const poll = (token: string) =>
      send(server, '/introspect', { client_id: ada.clientId, token }, THIEF).then(({ body }) => body);

    let owned = copied;
    let stolen = copied;
    for (let round = 1; round <= 4; round += 1) {
      // The oracle: the answer is the same before and after the owner rotates.
      expect(await poll(stolen)).toEqual({ active: false });
      owned = tokensOf(await refreshFrom(OWNER, owned)).refreshToken;
      expect(await poll(stolen)).toEqual({ active: false });
      stolen = tokensOf(await refreshFrom(THIEF, stolen)).refreshToken;
      expect(stolen).toBe(owned);
    }
    expect(await poll(accessToken)).toEqual({ active: false });
    expect(await endOf(server, grantId)).toBeUndefined();
    expect(await countOf(grantId, 'refresh.replayed')).toBe(4);
    expect(await countOf(grantId, 'refresh.replay_suspected')).toBe(1);
  });

  it('SEC-H1: reuse ends the grant when the thief misses the window of the owner', async () => {
    const { generations, grantId, leaf } = await rotatedTimes(2);
    await ageUse(generations[0] ?? '', GRACE_SECONDS + 1);
    const reuse = await refreshFrom(THIEF, generations[0] ?? '');
    expect(reuse).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await endOf(server, grantId)).toBe('refresh_reused');
    expect(await recordsOf(server, reuse)).toEqual([
      expect.objectContaining({
        event: 'refresh.reused',
        network: '198.51.100.7',
        detail: { generation: 0, presented_by: ada.clientId, rotated_from: '192.0.2.1' },
      }),
    ]);
    expect((await refreshFrom(OWNER, leaf)).status).toBe(400);
  });

  it('SEC-H1: gets at most 16 access tokens out of one used refresh token, one after the other or at once', async () => {
    for (const atOnce of [false, true]) {
      const { generations, grantId, leaf } = await rotatedTimes(1);
      const used = generations[0] ?? '';
      const attempts = MAX_REPETITIONS + 14;
      const answers = [];
      if (atOnce)
        answers.push(
          ...(await Promise.all(Array.from({ length: attempts }, () => refreshFrom(THIEF, used)))),
        );
      else for (let n = 0; n < attempts; n += 1) answers.push(await refreshFrom(THIEF, used));

      const given = answers.filter(({ status }) => status === 200);
      const limited = answers.filter(({ status }) => status === 429);
      expect(given).toHaveLength(MAX_REPETITIONS);
      expect(limited).toHaveLength(attempts - MAX_REPETITIONS);
      expect(limited[0]).toMatchObject({ body: { error: 'slow_down' } });
      expect(limited[0]?.headers.get('retry-after')).toBe('1');
      expect(await countOf(grantId, 'refresh.replayed')).toBe(MAX_REPETITIONS);
      // The owner goes on.
      expect(await endOf(server, grantId)).toBeUndefined();
      expect((await refreshFrom(OWNER, leaf)).status).toBe(200);
    }
  });

  it('SEC-H1: a wrong resource or scope is answered alike for a token that is unused, used, expired or long used', async () => {
    const answersOf = async (token: string) => {
      const wrong = [{ resource: MAIL }, { resource: 'files' }, { scope: 'mail:read' }, { scope: 'openid' }];
      const answers = [];
      for (const params of wrong) answers.push(await refresh(server, ada.clientId, token, params));
      return answers.map(({ status, body }) => ({ status, body }));
    };
    const unused = await freshTokens(server, ada);
    const expected = await answersOf(unused.refreshToken);
    expect(expected.map(({ body }) => body.error)).toEqual([
      'invalid_target',
      'invalid_target',
      'invalid_scope',
      'invalid_scope',
    ]);

    const { generations, grantId, leaf } = await rotatedTimes(2);
    expect(await answersOf(generations[0] ?? '')).toEqual(expected);
    await ageUse(generations[0] ?? '', GRACE_SECONDS + 1);
    expect(await answersOf(generations[0] ?? '')).toEqual(expected);
    const expired = await freshTokens(server, ada);
    await server.database.pool.query('UPDATE refresh_tokens SET expires_at = now() WHERE token_hash = $1', [
      hashOf(expired.refreshToken),
    ]);
    expect(await answersOf(expired.refreshToken)).toEqual(expected);

    expect(await endOf(server, grantId)).toBeUndefined();
    expect((await refresh(server, ada.clientId, leaf)).status).toBe(200);
    expect((await refresh(server, ada.clientId, unused.refreshToken)).status).toBe(200);
  });
});

describe('a repetition within the grace period', () => {
  it('REP-F3, E2: of a token several generations old gives the current leaf and a fresh access token', async () => {
    const { generations, grantId, leaf } = await rotatedTimes(3);
    const jtis = new Set<unknown>();
    for (const token of generations.slice(0, -1)) {
      const answer = await refreshFrom(OWNER, token);
      expect(tokensOf(answer).refreshToken).toBe(leaf);
      jtis.add(claimsOf(answer.body.access_token)['jti']);
    }
    expect(jtis.size).toBe(3);
    expect(await endOf(server, grantId)).toBeUndefined();
    expect((await refreshFrom(OWNER, leaf)).status).toBe(200);
  });

  it('REP-F3: orders tokens by generation, whatever their times say', async () => {
    const { generations, grantId, leaf } = await rotatedTimes(3);
    await server.database.pool.query(
      `UPDATE refresh_tokens SET issued_at = now() - generation * interval '1 second',
         used_at = CASE WHEN used_at IS NOT NULL THEN now() - generation * interval '1 second' END
       WHERE grant_id = $1`,
      [grantId],
    );
    for (const token of generations.slice(0, -1)) {
      expect(tokensOf(await refreshFrom(OWNER, token)).refreshToken).toBe(leaf);
    }
  });

  it('REP-F3: counts from the first use of the token itself, not of a later generation', async () => {
    const { generations, grantId } = await rotatedTimes(3);
    await ageUse(generations[0] ?? '', GRACE_SECONDS + 1);
    expect((await refreshFrom(OWNER, generations[1] ?? '')).status).toBe(200);
    expect((await refreshFrom(OWNER, generations[0] ?? '')).status).toBe(400);
    expect(await endOf(server, grantId)).toBe('refresh_reused');
  });

  it('REP-F3: a repetition does not prolong the grace period', async () => {
    const { generations, grantId } = await rotatedTimes(1);
    const used = generations[0] ?? '';
    await ageUse(used, GRACE_SECONDS - 10);
    expect((await refreshFrom(OWNER, used)).status).toBe(200);
    await ageUse(used, 11);
    expect((await refreshFrom(OWNER, used)).status).toBe(400);
    expect(await endOf(server, grantId)).toBe('refresh_reused');
  });

  it('SEC-H1: is recorded with the network of the rotation and that of the repetition', async () => {
    const { generations, grantId } = await rotatedTimes(1);
    const answer = await refreshFrom(THIEF, generations[0] ?? '');
    expect(await recordsOf(server, answer)).toEqual([
      expect.objectContaining({
        event: 'refresh.replayed',
        outcome: 'success',
        grant: grantId,
        network: '198.51.100.7',
        detail: {
          jti: claimsOf(answer.body.access_token)['jti'],
          generation: 0,
          rotated_from: '192.0.2.1',
        },
      }),
    ]);
  });

  it('SEC-H1: raises a suspicion only when three successive generations were repeated from another network', async () => {
    const follow = async (networks: readonly (typeof OWNER)[]) => {
      const { refreshToken, grantId } = await freshTokens(server, ada);
      let leaf = refreshToken;
      for (const network of networks) {
        const used = leaf;
        leaf = tokensOf(await refreshFrom(OWNER, used)).refreshToken;
        expect(tokensOf(await refreshFrom(network, used)).refreshToken).toBe(leaf);
      }
      expect(await endOf(server, grantId)).toBeUndefined();
      return countOf(grantId, 'refresh.replay_suspected');
    };
    expect(await follow([THIEF, THIEF])).toBe(0);
    expect(await follow([THIEF, THIEF, OWNER, THIEF, THIEF])).toBe(0);
    expect(await follow([OWNER, OWNER, OWNER, OWNER])).toBe(0);
    expect(await follow([THIEF, THIEF, THIEF])).toBe(1);
    expect(await follow([THIEF, THIEF, THIEF, THIEF, THIEF])).toBe(1);
  });

  it('SEC-H1: is answered 400 and is no reuse when the newest token has expired', async () => {
    const { generations, grantId, leaf } = await rotatedTimes(1);
    await server.database.pool.query('UPDATE refresh_tokens SET expires_at = now() WHERE token_hash = $1', [
      hashOf(leaf),
    ]);
    expect(await refreshFrom(OWNER, generations[0] ?? '')).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(await endOf(server, grantId)).toBeUndefined();
  });

  it('REP-F3: is off when the grace period is 0', async () => {
    const strict = await startTestServer({ GATEHOUSE_REFRESH_GRACE: '0' });
    try {
      const eve = await connected(strict);
      const { refreshToken, grantId } = await freshTokens(strict, eve);
      tokensOf(await refresh(strict, eve.clientId, refreshToken));
      expect((await refresh(strict, eve.clientId, refreshToken)).status).toBe(400);
      expect(await endOf(strict, grantId)).toBe('refresh_reused');
    } finally {
      await strict.stop();
    }
  });
});

describe('clients that share a token store', () => {
  let other: ServerProcess;
  beforeAll(async () => {
    other = await startServerProcess({ ...server.environment, DATABASE_POOL_SIZE: '8' });
  }, 60_000);
  afterAll(() => other.stop());

  it('REP-F3: eight refreshes at once with tokens of several generations never fork the family nor end it', async () => {
    const start = await rotatedTimes(3);
    let { generations } = start;
    for (let round = 0; round < 4; round += 1) {
      const newest = generations.slice(-4);
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          refresh(n % 2 === 0 ? server : other, ada.clientId, newest[n % newest.length] ?? ''),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
      // The old leaf was rotated once; whoever came before that was given it, and all others its successor.
      const old = newest.at(-1) ?? '';
      const given = new Set(answers.map((answer) => tokensOf(answer).refreshToken));
      given.delete(old);
      expect(given.size).toBe(1);
      generations = [...newest, ...given];
    }
    expect(await endOf(server, start.grantId)).toBeUndefined();
    expect(await generationsOf(start.grantId)).toEqual(Array.from({ length: 8 }, (_, n) => n));
    expect((await refresh(other, ada.clientId, generations.at(-1) ?? '')).status).toBe(200);
  });
});

describe('a grant that asks too often', () => {
  it('SEC-H1: is answered 429 after 60 requests at once, then one a second, with one record', async () => {
    const limited = await startTestServer({ GATEHOUSE_THROTTLE: 'on' });
    try {
      const eve = await connected(limited);
      const { refreshToken, grantId } = await freshTokens(limited, eve);
      const wrong = () => refresh(limited, eve.clientId, refreshToken, { resource: MAIL });
      const answers = await Promise.all(Array.from({ length: 70 }, wrong));
      const refused = answers.filter(({ status }) => status === 429);
      // A slow machine may have been given one or two more meanwhile.
      expect(answers.filter(({ status }) => status === 400).length).toBeGreaterThanOrEqual(60);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused[0]?.headers.get('retry-after')).toBe('1');
      const { rows } = await limited.database.pool.query(
        `SELECT reason, count(*)::int AS n FROM audit_records WHERE event = 'request.throttled' AND "grant" = $1 GROUP BY reason`,
        [grantId],
      );
      expect(rows).toEqual([{ reason: 'grant_requests', n: 1 }]);
      // Other grants are not concerned, and guesses count for none.
      const next = await freshTokens(limited, eve);
      expect((await refresh(limited, eve.clientId, next.refreshToken)).status).toBe(200);
    } finally {
      await limited.stop();
    }
  });
});

describe('`keys rotate --compromised`', () => {
  it('SEC-L14: ends every family whose leaf was derived, and no other; a repetition is then no reuse', async () => {
    const own = await startTestServer({ GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1,::1' });
    const second = await startServerProcess(own.environment);
    try {
      const eve = await connected(own);
      const underived = await freshTokens(own, eve);
      const derived = await freshTokens(own, eve);
      const repeated = await freshTokens(own, eve);
      const { refreshToken: leaf } = tokensOf(await refresh(own, eve.clientId, derived.refreshToken));
      tokensOf(await refresh(second, eve.clientId, repeated.refreshToken));

      const { rows: before } = await own.database.pool.query(
        "SELECT version FROM server_secrets WHERE purpose = 'refresh-derivation'",
      );
      await own.installation.keys.replaceCompromised(cause);
      const { rows: after } = await own.database.pool.query(
        "SELECT version FROM server_secrets WHERE purpose = 'refresh-derivation'",
      );
      expect([before, after]).toEqual([[{ version: 1 }], [{ version: 2 }]]);

      // Before the end is written into the grants: dead already, and an honest repetition is no reuse.
      const honest = await refresh(second, eve.clientId, repeated.refreshToken);
      expect(honest).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
      expect(await endOf(own, repeated.grantId)).toBe('derivation_compromised');
      expect(await endCompromisedFamilies(own.database.prisma, cause)).toBe(1);
      expect(await endCompromisedFamilies(own.database.prisma, cause)).toBe(0);
      expect(await endOf(own, derived.grantId)).toBe('derivation_compromised');
      expect((await refresh(own, eve.clientId, leaf)).status).toBe(400);

      // A family that nothing was derived of goes on, in a process that still has the dropped secret in memory too.
      const next = tokensOf(await refresh(second, eve.clientId, underived.refreshToken));
      const last = tokensOf(await refresh(own, eve.clientId, next.refreshToken));
      expect((await refresh(own, eve.clientId, last.refreshToken)).status).toBe(200);
      expect(await endOf(own, underived.grantId)).toBeUndefined();
    } finally {
      await second.stop();
      await own.stop();
    }
  }, 60_000);
});

describe('introspection', () => {
  it('SEC-H1: a client that authenticated itself learns of its own tokens, a public one of none', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const mine = await freshTokens(server, { ...ada, clientId: ada.clientId });
    for (const token of [mine.accessToken, mine.refreshToken]) {
      const asPublic = await post(server, '/introspect', { client_id: ada.clientId, token });
      expect(asPublic).toMatchObject({ status: 200, body: { active: false } });
      const asOther = await post(server, '/introspect', { token }, basic(clientId, clientSecret));
      expect(asOther).toMatchObject({ status: 200, body: { active: false } });
    }
  });

  it('SEC-H1: a question of a public client leaves no record, whatever it asks about', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    const asked = await post(server, '/introspect', { client_id: ada.clientId, token: refreshToken });
    expect(await recordsOf(server, asked)).toEqual([]);
  });
});

describe('a connection that was ended', () => {
  it('CLI-9: says so in error_description, alike for every reason', async () => {
    const reuse = await rotatedTimes(1);
    await ageUse(reuse.generations[0] ?? '', GRACE_SECONDS + 1);
    const first = await refreshFrom(OWNER, reuse.generations[0] ?? '');
    const later = await refreshFrom(OWNER, reuse.leaf);
    const removed = await freshTokens(server, ada);
    await server.database.prisma.grant.update({
      where: { id: removed.grantId },
      data: { expiresAt: new Date(0) },
    });
    const expired = await refreshFrom(OWNER, removed.refreshToken);
    for (const { status, body } of [first, later, expired]) {
      expect({ status, body }).toEqual({
        status: 400,
        body: {
          error: 'invalid_grant',
          error_description: 'this connection was ended; authorize again to connect',
        },
      });
    }
    const foreign = await addTestClient(server);
    const unknown = await refreshFrom(THIEF, 'unknown');
    const stolen = await refreshFrom(
      THIEF,
      (await freshTokens(server, ada)).refreshToken,
      server,
      foreign.clientId,
    );
    expect(stolen.body).toEqual(unknown.body);
  });
});
