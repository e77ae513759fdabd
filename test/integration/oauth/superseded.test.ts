import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import { endSuperseded, listConnections, listSecurityEnds } from '../../../src/domain/grants/index.ts';
import { startHousekeeping } from '../../../src/housekeeping.ts';
import { hashSecret } from '../../../src/kernel/ids.ts';
import { createLogger } from '../../../src/platform/observability/index.ts';
import { createAgent } from '../../support/agent.ts';
import { runCli } from '../../support/cli.ts';
import { obtainCode, signedIn, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, MAIL, startTestServer, type TestServer } from '../../support/server.ts';
import { auditValues, pagesOf, statementsDuring } from '../../support/statements.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  redeem,
  refresh,
  type Tokens,
  tokensOf,
} from '../../support/token-requests.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ DATABASE_POOL_SIZE: '10' });
});
afterAll(() => server.stop());

const READ = { scope: 'files:read' };
const READ_AND_WRITE = { scope: 'files:read files:write' };

/** Connects a client once more, as a login of a program does, which takes a new port each time. */
async function login(ada: Connected, params: Readonly<Record<string, string>> = {}): Promise<Tokens> {
  const {
    redirect_uri: redirectUri = `http://127.0.0.1:${20_000 + Math.floor(Math.random() * 9_000)}/callback`,
  } = params;
  const code = await obtainCode(server, ada.agent, ada.clientId, { ...params, redirect_uri: redirectUri });
  return tokensOf(await redeem(server, ada.clientId, code, { redirect_uri: redirectUri }));
}

/** Moves everything that the store knows of the grants of a client into the past. */
async function pass({ clientId }: Connected, time: string, on = server): Promise<void> {
  const { pool } = on.database;
  await pool.query(
    `UPDATE grants SET created_at = created_at - $2::interval, activated_at = activated_at - $2::interval,
       supersedes_at = supersedes_at - $2::interval WHERE client_id = $1`,
    [clientId, time],
  );
  await pool.query(
    `UPDATE refresh_tokens SET issued_at = issued_at - $2::interval, used_at = used_at - $2::interval
     WHERE client_id = $1`,
    [clientId, time],
  );
}

const ends = (...tokens: readonly Tokens[]) =>
  Promise.all(tokens.map(({ grantId }) => endOf(server, grantId)));

const housekeep = () => endSuperseded(server.database.prisma);

/** The connections of a person that end by themselves unless they are used. */
async function markedOf({ person }: Connected): Promise<readonly string[]> {
  const all = await listConnections(server.database.prisma, person.id);
  return all.filter(({ endsUnusedAt }) => endsUnusedAt !== undefined).map(({ id }) => id);
}

const ids = (...tokens: readonly Tokens[]) => tokens.map(({ grantId }) => grantId);

describe('connections that a newer one has replaced', () => {
  it('CLI-8: of three logins in one browser session the unused two end after a day, a used one lives', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    const second = await login(ada);
    const third = await login(ada);
    expect((await markedOf(ada)).toSorted()).toEqual(ids(first, second).toSorted());

    await pass(ada, '23 hours');
    await housekeep();
    expect(await ends(first, second, third)).toEqual([undefined, undefined, undefined]);
    tokensOf(await refresh(server, ada.clientId, second.refreshToken));
    expect(await markedOf(ada)).toEqual([first.grantId]);

    await pass(ada, '2 hours');
    await housekeep();
    expect(await ends(first, second, third)).toEqual(['superseded', undefined, undefined]);

    await pass(ada, '30 days');
    await housekeep();
    expect(await ends(second, third)).toEqual([undefined, undefined]);
    const { rows } = await server.database.pool.query(
      'SELECT id FROM grants WHERE client_id = $1 AND (supersedes_at IS NOT NULL OR widens IS NOT NULL)',
      [ada.clientId],
    );
    expect(rows).toEqual([]);
  });

  it('CLI-8: a connection that is used again after a day is marked by the next login', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    await login(ada);
    await pass(ada, '1 hour');
    tokensOf(await refresh(server, ada.clientId, first.refreshToken));
    await pass(ada, '2 days');
    await housekeep();
    expect(await ends(first)).toEqual([undefined]);
    const third = await login(ada);
    await pass(ada, '25 hours');
    await housekeep();
    expect(await ends(first, third)).toEqual(['superseded', undefined]);
  });

  it('CLI-8: housekeeping ends them, with a record of its own each, and the client reads that it has ended', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    const rotated = tokensOf(await refresh(server, ada.clientId, first.refreshToken));
    await login(ada);
    await pass(ada, '25 hours');
    const stop = startHousekeeping({
      database: server.database,
      installation: server.installation,
      clientLifetimes: { unused: 3600, idle: 3600 },
      log: createLogger({ level: 'silent' }),
      interval: 20,
    });
    try {
      await expect.poll(() => endOf(server, first.grantId)).toBe('superseded');
    } finally {
      await stop();
    }
    const records = await listAudit(server.database.prisma, { grant: first.grantId, event: 'grant.revoked' });
    expect(records).toEqual([
      expect.objectContaining({
        reason: 'superseded',
        outcome: 'success',
        subject: ada.person.id,
        client: ada.clientId,
        tenant: 'ten_default',
      }),
    ]);
    expect(records[0]).not.toHaveProperty('network');

    // The newest, and one that was used long ago: neither is a theft.
    for (const value of [rotated.refreshToken, first.refreshToken]) {
      const refused = await refresh(server, ada.clientId, value);
      expect(refused).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant', error_description: expect.stringContaining('was ended') },
      });
    }
    const trail = await listAudit(server.database.prisma, { grant: first.grantId });
    expect(trail.filter(({ event }) => event === 'refresh.reused')).toEqual([]);
    expect(await endOf(server, first.grantId)).toBe('superseded');
  });

  it.each([
    {
      what: 'browser session',
      other: async (ada: Connected) => {
        const agent = createAgent();
        await signedIn(server, agent, ada.person);
        return login({ ...ada, agent });
      },
    },
    {
      what: 'redirect',
      other: (ada: Connected) => login(ada, { redirect_uri: 'http://127.0.0.1:53111/other' }),
    },
    {
      what: 'client',
      other: async (ada: Connected) => login({ ...ada, clientId: (await addTestClient(server)).clientId }),
    },
    { what: 'resource', other: (ada: Connected) => login(ada, { resource: MAIL }) },
    {
      what: 'person',
      other: async (ada: Connected) => login({ ...(await connected(server)), clientId: ada.clientId }),
    },
  ])('CLI-8: a connection of another $what replaces nothing', async ({ other }) => {
    const person = await connected(server);
    const redirectUris = ['http://127.0.0.1/callback', 'http://127.0.0.1/other'];
    const ada = { ...person, clientId: (await addTestClient(server, { redirectUris })).clientId };
    const first = await login(ada);
    await other(ada);
    expect(await markedOf(ada)).toEqual([]);
    await pass(ada, '25 hours');
    await housekeep();
    expect(await ends(first)).toEqual([undefined]);
  });

  it('CLI-8: an authorization whose code is never redeemed replaces nothing', async () => {
    const ada = await connected(server);
    const first = await login(ada, READ);
    await obtainCode(server, ada.agent, ada.clientId, READ_AND_WRITE);
    expect(await markedOf(ada)).toEqual([]);
    await pass(ada, '25 hours');
    await housekeep();
    expect(await ends(first)).toEqual([undefined]);
  });

  it('CLI-8: a newer connection that has ended itself replaces nothing', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    const code = await obtainCode(server, ada.agent, ada.clientId);
    const second = tokensOf(await redeem(server, ada.clientId, code));
    await redeem(server, ada.clientId, code);
    expect(await ends(first, second)).toEqual([undefined, 'code_reused']);
    await pass(ada, '25 hours');
    await housekeep();
    expect(await ends(first)).toEqual([undefined]);
  });

  it('CLI-8: a connection that is being used when its day is over is left for the next round', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    await login(ada);
    await pass(ada, '25 hours');
    const holder = new pg.Client({ connectionString: server.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [first.grantId]);
      await housekeep();
      expect(await ends(first)).toEqual([undefined]);
      await holder.query('COMMIT');
    } finally {
      await holder.end();
    }
    await housekeep();
    expect(await ends(first)).toEqual(['superseded']);
  });
});

describe('a step-up', () => {
  it('NEW-10: ends the one connection that it widens at its first token, with a record', async () => {
    const ada = await connected(server);
    const narrow = await login(ada, READ);
    const code = await obtainCode(server, ada.agent, ada.clientId, READ_AND_WRITE);
    expect(await ends(narrow)).toEqual([undefined]);
    const { value: wide, statements } = await statementsDuring(async () =>
      tokensOf(await redeem(server, ada.clientId, code)),
    );
    expect(statements.map(({ name }) => name)).toEqual(['present-code', 'redeem-code', 'end-widened']);
    expect(await ends(narrow, wide)).toEqual(['superseded', undefined]);
    expect(
      await listAudit(server.database.prisma, { grant: narrow.grantId, event: 'grant.revoked' }),
    ).toEqual([
      expect.objectContaining({
        reason: 'superseded',
        subject: ada.person.id,
        client: ada.clientId,
        detail: { superseded_by: wide.grantId },
      }),
    ]);
    expect(await refresh(server, ada.clientId, narrow.refreshToken)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant', error_description: expect.stringContaining('was ended') },
    });
    tokensOf(await refresh(server, ada.clientId, wide.refreshToken));
  });

  it('NEW-10: ends none at once where it widens two', async () => {
    const ada = await connected(server);
    const narrow = [await login(ada, READ), await login(ada, READ)];
    await login(ada, READ_AND_WRITE);
    expect(await ends(...narrow)).toEqual([undefined, undefined]);
    await pass(ada, '25 hours');
    await housekeep();
    expect(await ends(...narrow)).toEqual(['superseded', 'superseded']);
  });

  it('NEW-10: ends none at once that has the same scopes, more, or others', async () => {
    const ada = await connected(server);
    const others = [
      await login(ada, { scope: 'files:write' }),
      await login(ada, { scope: 'files:read files:delete' }),
      await login(ada, READ),
    ];
    await login(ada, READ);
    expect(await ends(...others)).toEqual([undefined, undefined, undefined]);
  });

  it('NEW-10: ends none in another browser session', async () => {
    const ada = await connected(server);
    const agent = createAgent();
    await signedIn(server, agent, ada.person);
    const laptop = await login({ ...ada, agent }, READ);
    await login(ada, READ_AND_WRITE);
    expect(await ends(laptop)).toEqual([undefined]);
  });

  it('NEW-10: waits for no rotation of the connection that it widens, which housekeeping ends then', async () => {
    const ada = await connected(server);
    const narrow = await login(ada, READ);
    const code = await obtainCode(server, ada.agent, ada.clientId, READ_AND_WRITE);
    const holder = new pg.Client({ connectionString: server.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [narrow.grantId]);
      const began = performance.now();
      tokensOf(await redeem(server, ada.clientId, code));
      // A lock is waited for five seconds, and then the act is left to housekeeping too.
      expect(performance.now() - began).toBeLessThan(4_000);
      expect(await ends(narrow)).toEqual([undefined]);
      await holder.query('COMMIT');
    } finally {
      await holder.end();
    }
    await housekeep();
    expect(await ends(narrow)).toEqual(['superseded']);
  });

  it('NEW-10: leaves a connection that its owner widened before the step-up could end it', async () => {
    const ada = await connected(server);
    const narrow = await login(ada, READ);
    const code = await obtainCode(server, ada.agent, ada.clientId, READ_AND_WRITE);
    const holder = new pg.Client({ connectionString: server.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(`UPDATE grants SET scopes = '{files:read,files:delete}' WHERE id = $1`, [
        narrow.grantId,
      ]);
      tokensOf(await redeem(server, ada.clientId, code));
      await holder.query('COMMIT');
    } finally {
      await holder.end();
    }
    await housekeep();
    expect(await ends(narrow)).toEqual([undefined]);
  });

  it('NEW-10: a code that is presented twice ends the new connection, and gives the old one not back', async () => {
    const ada = await connected(server);
    const narrow = await login(ada, READ);
    const code = await obtainCode(server, ada.agent, ada.clientId, READ_AND_WRITE);
    const wide = tokensOf(await redeem(server, ada.clientId, code));
    await redeem(server, ada.clientId, code);
    expect(await ends(narrow, wide)).toEqual(['superseded', 'code_reused']);
    tokensOf(await redeem(server, ada.clientId, await obtainCode(server, ada.agent, ada.clientId, READ)));
  });
});

describe('what people and operators read of it', () => {
  const cli = (...args: readonly string[]) => runCli(args, { cwd: '/', env: server.environment });

  it('CLI-8: the account page and `grant list` say which connection is superseded, and when it ends', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    expect((await ada.agent.get(`${server.issuer}/account`)).html).not.toContain('Superseded');
    await login(ada);
    await pass(ada, '2 hours');

    const { html } = await ada.agent.get(`${server.issuer}/account`);
    expect(html.match(/Superseded: a newer connection has replaced it/g)).toHaveLength(1);
    expect(html.replaceAll(/<[^>]*>/g, '')).toContain(
      'Ends by itself in 22 hours unless the program uses it.',
    );

    const list = await cli('grant', 'list', '--user', ada.person.email);
    const lines = list.stdout.split('\n').filter((line) => line.includes('unless used (superseded)'));
    expect(lines).toEqual([expect.stringContaining(first.grantId)]);
    const json = await cli('grant', 'list', '--user', ada.person.email, '--json');
    const marked = json
      .json<{ id: string; ends_unused_at?: string }[]>()
      .filter((grant) => grant.ends_unused_at);
    expect(marked.map(({ id }) => id)).toEqual([first.grantId]);
    const inHours = (Date.parse(marked[0]?.ends_unused_at ?? '') - Date.now()) / 3_600_000;
    expect(inHours).toBeGreaterThan(21.9);
    expect(inHours).toBeLessThan(22.1);
  });

  it('CLI-8: a superseded connection is no security notice on the account page', async () => {
    const ada = await connected(server);
    const first = await login(ada, READ);
    await login(ada, READ_AND_WRITE);
    expect(await ends(first)).toEqual(['superseded']);
    expect(await listSecurityEnds(server.database.prisma, ada.person.id)).toEqual([]);
  });

  it('CLI-8: `trace` says of a superseded connection what replaced it, and of the newer one that it is connected', async () => {
    const ada = await connected(server);
    const first = await login(ada, READ);
    const second = await login(ada, READ_AND_WRITE);
    expect((await cli('trace', first.grantId)).stdout).toContain(
      'It was connected, and has ended: superseded: a newer connection of the same program in the same browser session replaced it',
    );
    expect((await cli('trace', second.grantId)).stdout).toContain('It is connected.');
  });
});

describe('what it costs', () => {
  it('CLI-8: a login beside others, and a refresh of a replaced one, are two round trips', async () => {
    const ada = await connected(server);
    const first = await login(ada);
    const code = await obtainCode(server, ada.agent, ada.clientId);
    const names = async (request: () => Promise<TokenResponse>) => {
      const { value, statements } = await statementsDuring(request);
      expect(value.status).toBe(200);
      return statements.map(({ name }) => name);
    };
    expect(await names(() => redeem(server, ada.clientId, code))).toEqual(['present-code', 'redeem-code']);
    expect(await names(() => refresh(server, ada.clientId, first.refreshToken))).toEqual([
      'present-refresh-token',
      'rotate-refresh-token',
    ]);
  });

  it('CLI-8: the key of a connection tells nothing about its browser session', async () => {
    const ada = await connected(server);
    const { grantId } = await login(ada);
    const grant = await server.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId } });
    const session = await server.database.prisma.session.findFirstOrThrow({
      where: { userId: ada.person.id },
    });
    expect(grant.connectionKey).toHaveLength(32);
    expect(JSON.stringify(grant)).not.toContain(session.id);
    expect(
      Buffer.from(grant.connectionKey ?? []).equals(createHash('sha256').update(session.id).digest()),
    ).toBe(false);
  });
});

describe('a browser session with ten thousand connections of one program', () => {
  let alone: TestServer;
  beforeAll(async () => {
    // One connection, which therefore knows every prepared statement.
    alone = await startTestServer({ DATABASE_POOL_SIZE: '1' });
  });
  afterAll(() => alone.stop());

  it('CLI-8: costs a redemption little more than one with a single connection, also before the store counts them', async () => {
    const ada = await connected(alone);
    const { pool } = alone.database;
    const redeemPages = async () => {
      const { code } = await obtainCode(alone, ada.agent, ada.clientId);
      const hash = hashSecret(code);
      const { rows } = await pool.query('SELECT grant_id FROM authorization_codes WHERE code_hash = $1', [
        hash,
      ]);
      const [first, refreshToken] = [`\\x${hash.toString('hex')}`, `\\x${randomBytes(32).toString('hex')}`];
      const later = new Date(Date.now() + 60_000).toISOString();
      return pagesOf(pool, 'redeem-code', [
        first,
        rows[0].grant_id,
        refreshToken,
        60,
        later,
        ...auditValues('token.issued'),
      ]);
    };
    const { grantId } = await freshTokens(alone, ada);
    const few = await redeemPages();

    await freshTokens(alone, ada);
    const columns = `tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri, auth_time, acr, amr,
      client_epoch, epoch, activated_at, expires_at`;
    for (const key of [`sha256(n::text::bytea)`, 'connection_key']) {
      await pool.query(
        `INSERT INTO grants (id, ${columns}, connection_key) SELECT 'grt_' || md5($1 || $2 || n), ${columns}, ${key}
         FROM grants, generate_series(1, 10000) n WHERE id = $1`,
        [grantId, key],
      );
    }
    expect(await redeemPages()).toBeLessThan(few + 60);
    await pool.query('ANALYZE grants');
    expect(await redeemPages()).toBeLessThan(few + 60);

    await pass(ada, '25 hours', alone);
    await endSuperseded(alone.database.prisma);
    const { rows } = await pool.query(
      `SELECT count(*) FILTER (WHERE revoked_reason = 'superseded')::int AS ended,
              count(*) FILTER (WHERE supersedes_at IS NOT NULL)::int AS due FROM grants`,
    );
    expect(rows).toEqual([{ ended: 10_001, due: 0 }]);
  });
});

describe('races', () => {
  it('CLI-8: fifty redemptions, rotations of the connections that they replace, and housekeeping get along', async () => {
    const ada = await connected(server);
    const older: Tokens[] = [];
    for (let made = 0; made < 10; made += 1) older.push(await freshTokens(server, ada, READ));
    const codes = [];
    for (let made = 0; made < 50; made += 1) {
      codes.push(await obtainCode(server, ada.agent, ada.clientId, made % 2 ? READ : READ_AND_WRITE));
    }
    const before = await deadlocks();

    const rotations = older.map(async ({ refreshToken }) => {
      let value = refreshToken;
      for (let rotated = 0; rotated < 10; rotated += 1) {
        const answer = await refresh(server, ada.clientId, value);
        if (answer.status !== 200) return answer.status;
        value = answer.body.refresh_token ?? '';
      }
      return 200;
    });
    const sweeps = Array.from({ length: 10 }, housekeep);
    const redeemed = await Promise.all(codes.map((code) => redeem(server, ada.clientId, code)));
    await Promise.all(sweeps);

    expect(new Set(redeemed.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(await Promise.all(rotations))).toEqual(new Set([200]));
    expect(await deadlocks()).toBe(before);
    const newest = redeemed.map(tokensOf);
    expect((await ends(...older, ...newest)).filter((end) => end !== undefined)).toEqual([]);

    await pass(ada, '25 hours');
    await housekeep();
    const living = await server.database.prisma.grant.count({
      where: { clientId: ada.clientId, revokedAt: null },
    });
    // Those of which no later one had its first token after their last use.
    expect(living).toBeGreaterThan(0);
    expect(living).toBeLessThan(60);
  });

  it('NEW-10: step-ups beside refreshes of the connections that they widen end each of them once', async () => {
    const people = await Promise.all(Array.from({ length: 12 }, () => connected(server)));
    const before = await deadlocks();
    const narrow: Tokens[] = [];
    const answers = await Promise.all(
      people.map(async (ada) => {
        const old = await freshTokens(server, ada, READ);
        narrow.push(old);
        const code = await obtainCode(server, ada.agent, ada.clientId, READ_AND_WRITE);
        const [redeemed, ...refreshed] = await Promise.all([
          redeem(server, ada.clientId, code),
          ...Array.from({ length: 4 }, () => refresh(server, ada.clientId, old.refreshToken)),
        ]);
        tokensOf(redeemed as TokenResponse);
        return refreshed.map(({ status, body }) => `${status} ${body.error ?? ''}`.trim());
      }),
    );
    await housekeep();
    expect(new Set(await ends(...narrow))).toEqual(new Set(['superseded']));
    for (const answer of answers.flat()) expect(['200', '400 invalid_grant']).toContain(answer);
    const { rows } = await server.database.pool.query(
      `SELECT "grant", count(*)::int AS n FROM audit_records
       WHERE event IN ('grant.revoked', 'refresh.reused') AND "grant" = ANY ($1) GROUP BY "grant"`,
      [ids(...narrow)],
    );
    expect(rows.map(({ n }) => n)).toEqual(narrow.map(() => 1));
    expect(await deadlocks()).toBe(before);
  });

  async function deadlocks(): Promise<number> {
    const { rows } = await server.database.pool.query<{ n: number }>(
      `SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()`,
    );
    return rows[0]?.n ?? -1;
  }
});
