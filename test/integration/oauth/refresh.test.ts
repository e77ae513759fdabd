import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrant, revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { removeResource } from '../../../src/domain/resources/index.ts';
import { basic, claimsOf, obtainCode, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, cause, FILES, MAIL, startTestServer, type TestServer } from '../../support/server.ts';
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

const ALL = 'files:read files:write files:delete';

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});

afterAll(() => server.stop());

/** Moves the use of a token into the past, as if the grace had gone by. */
async function ageUse(token: string, seconds: number): Promise<void> {
  const { rowCount } = await server.database.pool.query(
    'UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $2) WHERE token_hash = $1 AND used_at IS NOT NULL',
    [createHash('sha256').update(token).digest(), seconds],
  );
  expect(rowCount).toBe(1);
}

async function expireToken(token: string): Promise<void> {
  const { rowCount } = await server.database.pool.query(
    "UPDATE refresh_tokens SET expires_at = now() - interval '1 second' WHERE token_hash = $1",
    [createHash('sha256').update(token).digest()],
  );
  expect(rowCount).toBe(1);
}

const invalidGrant = { status: 400, body: { error: 'invalid_grant' } };

describe('a refresh', () => {
  it('MCP 35, MCP 37: rotates, keeps the audience without being told, and leaves one record', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada, { scope: ALL });
    const response = await refresh(server, ada.clientId, refreshToken);

    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(response.body).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: ALL,
    });
    expect(response.body.refresh_token).not.toBe(refreshToken);
    const claims = claimsOf(response.body.access_token);
    expect(claims).toMatchObject({ aud: FILES, grant_id: grantId, sub: ada.person.id });
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({
        event: 'refresh.rotated',
        outcome: 'success',
        grant: grantId,
        client: ada.clientId,
        resource: FILES,
        scopes: ALL.split(' '),
        detail: { jti: claims['jti'] },
      }),
    ]);
  });

  it('MCP 35: takes any spelling of the granted resource', async () => {
    let { refreshToken } = await freshTokens(server, ada);
    for (const resource of [
      FILES,
      `${FILES}/`,
      'HTTPS://FILES.example/mcp',
      'https://files.example:443/mcp',
    ]) {
      const next = tokensOf(await refresh(server, ada.clientId, refreshToken, { resource }));
      expect(claimsOf(next.accessToken)['aud']).toBe(FILES);
      refreshToken = next.refreshToken;
    }
  });

  it('is forever different and never repeats a token', async () => {
    let { refreshToken } = await freshTokens(server, ada);
    const seen = new Set([refreshToken]);
    for (let generation = 1; generation <= 8; generation += 1) {
      refreshToken = tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken;
      expect(refreshToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
      seen.add(refreshToken);
    }
    expect(seen.size).toBe(9);
  });
});

describe('a refresh that is refused spends nothing', () => {
  const requests: readonly (readonly [
    title: string,
    params: Readonly<Record<string, string>>,
    error: string,
    reason: string,
  ])[] = [
    ['F4: a foreign resource', { resource: MAIL }, 'invalid_target', 'resource_mismatch'],
    [
      'F7: a resource that nobody knows',
      { resource: 'https://nobody.example/mcp' },
      'invalid_target',
      'resource_mismatch',
    ],
    ['F1: a resource that is no URL', { resource: 'files' }, 'invalid_target', 'resource_mismatch'],
    [
      'F1: the authorization server itself',
      { resource: 'http://localhost/token' },
      'invalid_target',
      'resource_mismatch',
    ],
    ['E6: a scope that was not granted', { scope: 'files:read files:write' }, 'invalid_scope', ''],
    ['F6: a scope of another resource', { scope: 'mail:read' }, 'invalid_scope', ''],
    ['E6: a scope that nobody offers', { scope: 'admin' }, 'invalid_scope', ''],
    ['E6: openid, which was not granted', { scope: 'openid files:read' }, 'invalid_scope', ''],
    ['X4: __proto__ as a scope', { scope: '__proto__' }, 'invalid_scope', ''],
    ['X4: constructor as a scope', { scope: 'files:read constructor' }, 'invalid_scope', ''],
    ['a scope with characters that none has', { scope: 'files:read "x"' }, 'invalid_scope', ''],
  ];

  it.each(requests)('%s; the next correct refresh succeeds', async (_title, params, error, reason) => {
    const { refreshToken, grantId } = await freshTokens(server, ada, { scope: 'files:read' });
    const refused = await refresh(server, ada.clientId, refreshToken, params);
    expect(refused).toMatchObject({ status: 400, body: { error } });
    const records = await recordsOf(server, refused);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      outcome: 'refused',
      client: ada.clientId,
      ...(reason ? { event: 'refresh.rejected', reason, grant: grantId } : {}),
    });

    const next = await refresh(server, ada.clientId, refreshToken);
    expect(next.status).toBe(200);
    expect(await recordsOf(server, next)).toEqual([expect.objectContaining({ event: 'refresh.rotated' })]);
  });

  it('E6: a narrower scope lasts for one access token; the refresh token keeps what was granted', async () => {
    const { refreshToken } = await freshTokens(server, ada, { scope: ALL });
    const narrow = await refresh(server, ada.clientId, refreshToken, { scope: 'files:read' });
    expect(narrow.body.scope).toBe('files:read');
    expect(claimsOf(narrow.body.access_token)['scope']).toBe('files:read');
    const wide = await refresh(server, ada.clientId, narrow.body.refresh_token);
    expect(wide.body.scope).toBe(ALL);
  });

  it('E6: openid and offline_access may be asked for again when they were granted, and alone they are too little', async () => {
    const { refreshToken } = await freshTokens(server, ada, { scope: 'openid offline_access files:read' });
    const all = await refresh(server, ada.clientId, refreshToken, {
      scope: 'files:read openid offline_access',
    });
    expect(all.status).toBe(200);
    expect(claimsOf(all.body.access_token)['scope']).toBe('files:read');
    expect(all.body).toHaveProperty('id_token');

    const withoutOpenid = await refresh(server, ada.clientId, all.body.refresh_token, {
      scope: 'files:read',
    });
    expect(withoutOpenid.status).toBe(200);
    expect(withoutOpenid.body.scope).toBe('files:read');
    expect(withoutOpenid.body).not.toHaveProperty('id_token');

    for (const scope of ['openid', 'offline_access']) {
      const refused = await refresh(server, ada.clientId, withoutOpenid.body.refresh_token, { scope });
      expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
      expect(await recordsOf(server, refused)).toHaveLength(1);
    }
    expect((await refresh(server, ada.clientId, withoutOpenid.body.refresh_token)).status).toBe(200);
  });
});

describe('a refresh token that was used', () => {
  it('MCP 38: within the grace gives the same successor and a fresh access token, as often as clients race', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const lost = await refresh(server, ada.clientId, refreshToken);
    const retries: TokenResponse[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      retries.push(await refresh(server, ada.clientId, refreshToken));
    }
    expect(retries.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(retries.map(({ body }) => body.refresh_token))).toEqual(
      new Set([lost.body.refresh_token]),
    );
    const jtis = [lost, ...retries].map(({ body }) => claimsOf(body.access_token)['jti']);
    expect(new Set(jtis).size).toBe(4);
    for (const retry of retries) {
      expect(await recordsOf(server, retry)).toEqual([
        expect.objectContaining({
          event: 'refresh.replayed',
          outcome: 'success',
          grant: grantId,
          detail: {
            jti: claimsOf(retry.body.access_token)['jti'],
            generation: 0,
            rotated_from: expect.any(String),
          },
        }),
      ]);
    }
    expect((await refresh(server, ada.clientId, lost.body.refresh_token)).status).toBe(200);
  });

  it('E1, MCP 37: after the grace is reuse: the grant ends, and its newest token with it', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const { refreshToken: successor, accessToken } = tokensOf(
      await refresh(server, ada.clientId, refreshToken),
    );
    await ageUse(refreshToken, 89);
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
    await ageUse(refreshToken, 2);

    const reuse = await refresh(server, ada.clientId, refreshToken);
    expect(reuse).toMatchObject(invalidGrant);
    expect(await recordsOf(server, reuse)).toEqual([
      expect.objectContaining({
        event: 'refresh.reused',
        outcome: 'refused',
        reason: 'refresh_reused',
        grant: grantId,
        detail: { generation: 0, presented_by: ada.clientId, rotated_from: expect.any(String) },
      }),
    ]);
    expect(await endOf(server, grantId)).toBe('refresh_reused');
    expect(await refresh(server, ada.clientId, successor)).toMatchObject(invalidGrant);
    expect(await introspect(server, accessToken, server)).toEqual({ active: false });
  });

  it('E1: is reuse also when it would have expired meanwhile', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    tokensOf(await refresh(server, ada.clientId, refreshToken));
    await ageUse(refreshToken, 86_400);
    await expireToken(refreshToken);
    expect(await refresh(server, ada.clientId, refreshToken)).toMatchObject(invalidGrant);
    expect(await endOf(server, grantId)).toBe('refresh_reused');
  });

  it('a response that was lost in the last second of its token is had again', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    const lost = tokensOf(await refresh(server, ada.clientId, refreshToken));
    await expireToken(refreshToken);
    const retry = tokensOf(await refresh(server, ada.clientId, refreshToken));
    expect(retry.refreshToken).toBe(lost.refreshToken);
  });

  it('a retry asks for what it asked before; a wrong one spends and ends nothing', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const lost = tokensOf(await refresh(server, ada.clientId, refreshToken));
    expect((await refresh(server, ada.clientId, refreshToken, { resource: MAIL })).body.error).toBe(
      'invalid_target',
    );
    expect((await refresh(server, ada.clientId, refreshToken, { scope: 'mail:read' })).body.error).toBe(
      'invalid_scope',
    );
    expect(await endOf(server, grantId)).toBeUndefined();
    expect(tokensOf(await refresh(server, ada.clientId, refreshToken)).refreshToken).toBe(lost.refreshToken);
  });
});

describe('a refresh token in foreign hands', () => {
  it('E5: presented by another client is invalid_grant, and ends the grant', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const thief = await addTestClient(server);
    const stolen = await refresh(server, thief.clientId, refreshToken);
    expect(stolen).toMatchObject(invalidGrant);
    expect(await recordsOf(server, stolen)).toEqual([
      expect.objectContaining({
        event: 'refresh.reused',
        reason: 'token_in_foreign_hands',
        grant: grantId,
        detail: { generation: 0, presented_by: thief.clientId },
      }),
    ]);
    expect(await endOf(server, grantId)).toBe('token_in_foreign_hands');
    expect(await refresh(server, ada.clientId, refreshToken)).toMatchObject(invalidGrant);
  });

  it('E4: of a confidential client, without its secret, is 401 and stays whole', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const good = await obtainCode(server, ada.agent, clientId);
    const first = await post(
      server,
      '/token',
      { grant_type: 'authorization_code', code: good.code, code_verifier: good.verifier },
      basic(clientId, clientSecret),
    );
    const { refreshToken, grantId } = tokensOf(first);

    for (const attempt of [
      await refresh(server, clientId, refreshToken),
      await refresh(server, clientId, refreshToken, { client_secret: 'guess' }),
      await refresh(server, clientId, refreshToken, { client_secret: refreshToken }),
    ]) {
      expect(attempt).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      expect(await recordsOf(server, attempt)).toEqual([
        expect.objectContaining({ event: 'client.authentication_failed', client: clientId }),
      ]);
    }
    expect(await endOf(server, grantId)).toBeUndefined();
    const owner = await refresh(server, clientId, refreshToken, { client_secret: clientSecret });
    expect(owner.status).toBe(200);
  });
});

describe('a refresh after something ceased to be', () => {
  it('E7: ends at the cap of the grant, however much it was used', async () => {
    const { grantId, refreshToken } = await freshTokens(server, ada);
    const lifetimeOf = async () => {
      const { rows } = await server.database.pool.query<{ absolute: number; idle: number }>(
        `SELECT EXTRACT(EPOCH FROM g.expires_at - g.created_at)::float8 AS absolute,
                EXTRACT(EPOCH FROM max(t.expires_at - t.issued_at))::float8 AS idle
         FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id WHERE g.id = $1 GROUP BY g.id`,
        [grantId],
      );
      return rows[0];
    };
    expect(await lifetimeOf()).toEqual({ absolute: 90 * 86_400, idle: 14 * 86_400 });

    // Nearly at its cap: neither a refresh token nor an access token outlives the grant.
    await server.database.pool.query(
      "UPDATE grants SET expires_at = now() + interval '100 seconds' WHERE id = $1",
      [grantId],
    );
    const last = await refresh(server, ada.clientId, refreshToken);
    expect(last.status).toBe(200);
    expect(last.body['expires_in']).toBeLessThanOrEqual(100);
    const { rows } = await server.database.pool.query(
      'SELECT 1 FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE g.id = $1 AND t.used_at IS NULL AND t.expires_at > g.expires_at',
      [grantId],
    );
    expect(rows).toEqual([]);

    await server.database.pool.query('UPDATE grants SET expires_at = now() WHERE id = $1', [grantId]);
    const capped = await refresh(server, ada.clientId, last.body.refresh_token);
    expect(capped).toMatchObject(invalidGrant);
    expect(await recordsOf(server, capped)).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'absolute_expiry', grant: grantId }),
    ]);
  });

  it('an idle refresh token expires, and its expiry is no reuse', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    await expireToken(refreshToken);
    const late = await refresh(server, ada.clientId, refreshToken);
    expect(late).toMatchObject(invalidGrant);
    expect(await recordsOf(server, late)).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'expired', grant: grantId }),
    ]);
    expect(await endOf(server, grantId)).toBeUndefined();
  });

  it('an untrusted client gets one day idle and seven in all', async () => {
    const { clientId } = await addTestClient(server, { trust: 'untrusted' });
    const tokens = tokensOf(await redeem(server, clientId, await obtainCode(server, ada.agent, clientId)));
    tokensOf(await refresh(server, clientId, tokens.refreshToken));
    const { rows } = await server.database.pool.query(
      `SELECT EXTRACT(EPOCH FROM g.expires_at - g.created_at)::float8 AS absolute,
              EXTRACT(EPOCH FROM t.expires_at - t.issued_at)::float8 AS idle
       FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id WHERE g.id = $1 ORDER BY t.generation`,
      [tokens.grantId],
    );
    expect(rows).toEqual([
      { absolute: 7 * 86_400, idle: 86_400 },
      { absolute: 7 * 86_400, idle: 86_400 },
    ]);
  });

  it('E9: a person who is disabled refreshes nothing; enabled again, what ended stays ended', async () => {
    const eve = await connected(server);
    const { refreshToken, grantId } = await freshTokens(server, eve);
    await server.installation.users.disable(eve.person.id, cause);
    const refused = await refresh(server, eve.clientId, refreshToken);
    expect(refused).toMatchObject(invalidGrant);
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', grant: grantId, subject: eve.person.id }),
    ]);
    await server.installation.users.enable(eve.person.id, cause);
    expect(await refresh(server, eve.clientId, refreshToken)).toMatchObject(invalidGrant);
  });

  it('a person whose row alone says disabled refreshes nothing', async () => {
    const eve = await connected(server);
    const { refreshToken } = await freshTokens(server, eve);
    await server.database.prisma.user.update({
      where: { id: eve.person.id },
      data: { disabledAt: new Date() },
    });
    const refused = await refresh(server, eve.clientId, refreshToken);
    expect(refused).toMatchObject(invalidGrant);
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'subject_inactive' }),
    ]);
  });

  it('E9: a grant that its owner ended refreshes nothing', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    await revokeGrant(server.database.pool, grantId, 'ended_by_user', {}, cause);
    const refused = await refresh(server, ada.clientId, refreshToken);
    expect(refused).toMatchObject(invalidGrant);
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'grant_ended', grant: grantId }),
    ]);
  });

  it('MCP 41: a client that was removed is 401 invalid_client, and an unknown token 400 invalid_grant', async () => {
    const { clientId } = await addTestClient(server);
    const tokens = tokensOf(await redeem(server, clientId, await obtainCode(server, ada.agent, clientId)));
    await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);
    const gone = await refresh(server, clientId, tokens.refreshToken);
    expect(gone).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const unknown = await refresh(server, 'cli_unknown', tokens.refreshToken);
    expect(unknown).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const nothing = await refresh(server, ada.clientId, 'unknown');
    expect(nothing).toMatchObject(invalidGrant);
    for (const response of [gone, unknown, nothing]) {
      expect(await recordsOf(server, response)).toHaveLength(1);
    }
    // Somebody who is not the client could not end the grant of somebody else by naming it.
    expect(await endOf(server, tokens.grantId)).toBe('client_removed');
  });

  it('a resource that was removed gets no more tokens, and comes back as another', async () => {
    const own = await startTestServer();
    try {
      const eve = await connected(own);
      const { refreshToken } = await freshTokens(own, eve);
      await removeResource(own.database.prisma, FILES, cause);
      const refused = await refresh(own, eve.clientId, refreshToken);
      expect(refused).toMatchObject(invalidGrant);
      expect(await recordsOf(own, refused)).toEqual([
        expect.objectContaining({ event: 'refresh.rejected', reason: 'resource_inactive' }),
      ]);
    } finally {
      await own.stop();
    }
  });

  it('a role that was lost narrows silently, and the response says what was granted', async () => {
    const eve = await connected(server);
    const { prisma } = server.database;
    const { refreshToken } = await freshTokens(server, eve, { scope: ALL });
    const files = await prisma.resource.findUniqueOrThrow({ where: { identifier: FILES } });
    await prisma.role.create({
      data: {
        id: 'rol_reader',
        tenantId: 'ten_default',
        name: 'reader',
        permits: { create: { id: 'prm_reader', resourceId: files.id, scope: 'files:read' } },
        memberships: { create: { tenantId: 'ten_default', userId: eve.person.id } },
      },
    });
    await prisma.membership.deleteMany({ where: { userId: eve.person.id, roleId: { not: 'rol_reader' } } });

    const narrowed = await refresh(server, eve.clientId, refreshToken);
    expect(narrowed).toMatchObject({ status: 200, body: { scope: 'files:read' } });
    expect(claimsOf(narrowed.body.access_token)['scope']).toBe('files:read');
    expect(await recordsOf(server, narrowed)).toEqual([
      expect.objectContaining({
        event: 'refresh.rotated',
        scopes: ['files:read'],
        detail: {
          jti: expect.any(String),
          scopes_dropped: [
            { scope: 'files:write', reason: 'not_permitted_by_role' },
            { scope: 'files:delete', reason: 'not_permitted_by_role' },
          ],
        },
      }),
    ]);
    // Asked for by name it is no error either: it was granted once, and is not permitted now.
    const asked = await refresh(server, eve.clientId, narrowed.body.refresh_token, { scope: ALL });
    expect(asked).toMatchObject({ status: 200, body: { scope: 'files:read' } });

    await prisma.membership.deleteMany({ where: { userId: eve.person.id } });
    const none = await refresh(server, eve.clientId, asked.body.refresh_token);
    expect(none).toMatchObject(invalidGrant);
    await prisma.membership.create({
      data: { tenantId: 'ten_default', userId: eve.person.id, roleId: 'rol_reader' },
    });
    expect((await refresh(server, eve.clientId, asked.body.refresh_token)).status).toBe(200);
  });

  it('F6: a scope that two resources share is judged for the resource of the grant', async () => {
    const eve = await connected(server);
    const { prisma } = server.database;
    const { refreshToken } = await freshTokens(server, eve, {
      resource: MAIL,
      scope: 'mail:read files:read',
    });
    const role = await prisma.role.create({
      data: {
        id: 'rol_files_only',
        tenantId: 'ten_default',
        name: 'files only',
        permits: {
          create: [
            {
              id: 'prm_files_only',
              resourceId: (await prisma.resource.findUniqueOrThrow({ where: { identifier: FILES } })).id,
              scope: 'files:read',
            },
            {
              id: 'prm_mail_only',
              resourceId: (await prisma.resource.findUniqueOrThrow({ where: { identifier: MAIL } })).id,
              scope: 'mail:read',
            },
          ],
        },
        memberships: { create: { tenantId: 'ten_default', userId: eve.person.id } },
      },
    });
    await prisma.membership.deleteMany({ where: { userId: eve.person.id, roleId: { not: role.id } } });
    const response = await refresh(server, eve.clientId, refreshToken);
    expect(response).toMatchObject({ status: 200, body: { scope: 'mail:read' } });
    expect(claimsOf(response.body.access_token)).toMatchObject({ aud: MAIL, scope: 'mail:read' });
  });

  it('F7: a resource of another tenant is refused in the words for an unknown one', async () => {
    const { prisma } = server.database;
    await prisma.tenant.create({ data: { id: 'ten_other', name: 'other' } });
    await prisma.resource.create({
      data: {
        id: 'res_other',
        tenantId: 'ten_other',
        identifier: 'https://other.example/mcp',
        name: 'Other',
        defaultScopes: ['files:read'],
        scopes: { create: { scope: 'files:read', description: 'Read' } },
      },
    });
    const { refreshToken } = await freshTokens(server, ada);
    const other = await refresh(server, ada.clientId, refreshToken, {
      resource: 'https://other.example/mcp',
    });
    const unknown = await refresh(server, ada.clientId, refreshToken, {
      resource: 'https://nope.example/mcp',
    });
    expect(other).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect(other.body).toEqual(unknown.body);
  });
});
