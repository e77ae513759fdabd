import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrant, revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { removeResource } from '../../../src/domain/resources/index.ts';
import { createAgent } from '../../support/agent.ts';
import { addPerson, basic, claimsOf, obtainCode, pkce, post, signedIn } from '../../support/flow.ts';
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

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});

afterAll(() => server.stop());

const codeOf = (params: Readonly<Record<string, string>> = {}) =>
  obtainCode(server, ada.agent, ada.clientId, params);

async function grantOfCode(code: string): Promise<string> {
  const row = await server.database.prisma.authorizationCode.findUniqueOrThrow({
    where: { codeHash: new Uint8Array(createHash('sha256').update(code).digest()) },
  });
  return row.grantId;
}

describe('a code that is redeemed rightly', () => {
  it('MCP 40: gives JSON that no cache keeps, with everything a client needs, and one record', async () => {
    const response = await redeem(server, ada.clientId, await codeOf({ scope: 'files:read files:write' }));

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(response.body).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'files:read files:write',
    });
    const claims = claimsOf(response.body.access_token);
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({
        event: 'token.issued',
        outcome: 'success',
        grant: claims['grant_id'],
        subject: ada.person.id,
        client: ada.clientId,
        resource: FILES,
        scopes: ['files:read', 'files:write'],
        detail: { jti: claims['jti'] },
      }),
    ]);
  });

  it('B8: may leave the redirect URI out, because PKCE binds the code', async () => {
    const { code, verifier } = await codeOf();
    const { status } = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: ada.clientId,
      code,
      code_verifier: verifier,
    });
    expect(status).toBe(200);
  });

  it('may name its resource in any spelling of it', async () => {
    const { status, body } = await redeem(server, ada.clientId, await codeOf(), {
      resource: 'HTTPS://Files.Example/mcp/',
    });
    expect(status).toBe(200);
    expect(claimsOf(body.access_token)['aud']).toBe(FILES);
  });
});

describe('a code that is redeemed wrongly', () => {
  const verifier = 'x'.repeat(43);
  const wrong: readonly (readonly [
    title: string,
    params: Readonly<Record<string, string>>,
    reason: string,
  ])[] = [
    ['B8: another redirect URI', { redirect_uri: 'http://127.0.0.1:53111/other' }, 'redirect_mismatch'],
    [
      'B8, MCP 33: a redirect URI on another port',
      { redirect_uri: 'http://127.0.0.1:1/callback' },
      'redirect_mismatch',
    ],
    ['C6: a wrong verifier', { code_verifier: verifier }, 'pkce_mismatch'],
    ['C4: no verifier', { code_verifier: '' }, 'pkce_mismatch'],
    ['C4: a verifier of 42 characters', { code_verifier: 'x'.repeat(42) }, 'pkce_mismatch'],
    ['C4: a verifier of 129 characters', { code_verifier: 'x'.repeat(129) }, 'pkce_mismatch'],
    [
      'C4: a verifier with characters that none has',
      { code_verifier: `${'x'.repeat(42)}é` },
      'pkce_mismatch',
    ],
    ['C4: a verifier with a NUL', { code_verifier: `${'x'.repeat(42)}\0` }, 'pkce_mismatch'],
  ];

  it.each(wrong)('%s is invalid_grant, and spends the code', async (_title, params, reason) => {
    const good = await codeOf();
    const grantId = await grantOfCode(good.code);
    const refused = await redeem(server, ada.clientId, good, params);
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(refused.headers.get('cache-control')).toContain('no-store');
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({
        event: 'token.rejected',
        outcome: 'refused',
        reason,
        grant: grantId,
        client: ada.clientId,
      }),
    ]);

    const after = await redeem(server, ada.clientId, good);
    expect(after).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await endOf(server, grantId)).toBe('code_reused');
    expect(await recordsOf(server, after)).toEqual([
      expect.objectContaining({
        event: 'code.reused',
        outcome: 'refused',
        reason: 'code_reused',
        grant: grantId,
      }),
    ]);
  });

  it('F4, MCP 33: a code for one resource is not redeemed for another', async () => {
    const good = await codeOf();
    const refused = await redeem(server, ada.clientId, good, { resource: MAIL });
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({ event: 'token.rejected', reason: 'resource_mismatch' }),
    ]);
    expect((await redeem(server, ada.clientId, good)).body.error).toBe('invalid_grant');
  });

  it('C3: a verifier does not help a code whose challenge was taken away', async () => {
    for (const codeChallenge of ['', 'AAAA', 'null']) {
      const good = await codeOf();
      await server.database.prisma.authorizationCode.updateMany({
        where: { grantId: await grantOfCode(good.code) },
        data: { codeChallenge },
      });
      for (const params of [{}, { code_verifier: '' }]) {
        expect(await redeem(server, ada.clientId, good, params)).toMatchObject({
          status: 400,
          body: { error: 'invalid_grant' },
        });
      }
    }
  });

  it("C7, MCP 33: a victim's code is worth nothing with the attacker's own verifier", async () => {
    const attacker = await codeOf();
    const victim = await codeOf();
    const swapped = await redeem(server, ada.clientId, { code: victim.code, verifier: attacker.verifier });
    expect(swapped).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await redeem(server, ada.clientId, attacker)).status).toBe(200);
  });
});

describe('a code that comes too late, too often, or from somebody else', () => {
  it('D1, MCP 33: a replay is invalid_grant, and everything the first redemption produced ends', async () => {
    const good = await codeOf();
    const { grantId, refreshToken, accessToken } = tokensOf(await redeem(server, ada.clientId, good));

    const replay = await redeem(server, ada.clientId, good);
    expect(replay).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await recordsOf(server, replay)).toEqual([
      expect.objectContaining({ event: 'code.reused', outcome: 'refused', grant: grantId }),
    ]);
    expect(await endOf(server, grantId)).toBe('code_reused');
    expect((await refresh(server, ada.clientId, refreshToken)).body.error).toBe('invalid_grant');
    expect(await introspect(server, accessToken, server)).toEqual({ active: false });

    const third = await redeem(server, ada.clientId, good);
    expect(third.body.error).toBe('invalid_grant');
    expect(await recordsOf(server, third)).toEqual([
      expect.objectContaining({ event: 'code.reused', reason: 'grant_ended' }),
    ]);
  });

  it('D1: a replay ends the connection long after the code expired', async () => {
    const good = await codeOf();
    const { grantId } = tokensOf(await redeem(server, ada.clientId, good));
    await server.database.pool.query(
      "UPDATE authorization_codes SET expires_at = now() - interval '12 hours' WHERE grant_id = $1",
      [grantId],
    );
    expect((await redeem(server, ada.clientId, good)).body.error).toBe('invalid_grant');
    expect(await endOf(server, grantId)).toBe('code_reused');
  });

  it('D2, MCP 33: a code of one client is not redeemed by another, and is spent', async () => {
    const other = await addTestClient(server, { authMethod: 'client_secret_basic' });
    const good = await codeOf();
    const grantId = await grantOfCode(good.code);
    const { code_verifier, redirect_uri } = {
      code_verifier: good.verifier,
      redirect_uri: 'http://127.0.0.1:53111/callback',
    };
    const stolen = await post(
      server,
      '/token',
      { grant_type: 'authorization_code', code: good.code, code_verifier, redirect_uri },
      basic(other.clientId, other.clientSecret ?? ''),
    );
    expect(stolen).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await recordsOf(server, stolen)).toEqual([
      expect.objectContaining({
        event: 'token.rejected',
        reason: 'client_mismatch',
        client: other.clientId,
        grant: grantId,
      }),
    ]);
    expect((await redeem(server, ada.clientId, good)).body.error).toBe('invalid_grant');
  });

  it('D3, MCP 33: a code lives for sixty seconds', async () => {
    const good = await codeOf();
    const grantId = await grantOfCode(good.code);
    const { rows } = await server.database.pool.query<{ lifetime: number }>(
      'SELECT EXTRACT(EPOCH FROM c.expires_at - g.created_at)::float8 AS lifetime FROM authorization_codes c JOIN grants g ON g.id = c.grant_id WHERE g.id = $1',
      [grantId],
    );
    expect(rows[0]?.lifetime).toBe(60);
    await server.database.pool.query(
      "UPDATE authorization_codes SET expires_at = expires_at - interval '60 seconds' WHERE grant_id = $1",
      [grantId],
    );

    const late = await redeem(server, ada.clientId, good);
    expect(late).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await recordsOf(server, late)).toEqual([
      expect.objectContaining({ event: 'token.rejected', reason: 'expired', grant: grantId }),
    ]);
  });

  it('a code that was never issued is invalid_grant, with one record and no grant', async () => {
    for (const code of ['', 'unknown', '0', '\0', 'é'.repeat(500), '__proto__', pkce().verifier]) {
      const refused = await redeem(server, ada.clientId, { code, verifier: pkce().verifier });
      expect(refused.status).toBe(400);
      expect(refused.body.error).toBe(code === '' ? 'invalid_request' : 'invalid_grant');
      const records = await recordsOf(server, refused);
      expect(records).toHaveLength(1);
      expect(records[0]).toMatchObject({ event: 'token.rejected', outcome: 'refused', client: ada.clientId });
    }
  });

  it('D6: nothing but a code is a code, and nothing but a refresh token is a refresh token', async () => {
    const unredeemed = await codeOf();
    const good = await codeOf();
    const { refreshToken, accessToken } = tokensOf(await redeem(server, ada.clientId, good));
    const cookie = ada.agent.cookies().find(({ name }) => name === 'gatehouse_session')?.value ?? '';
    const grantId = await grantOfCode(good.code);

    for (const code of [refreshToken, accessToken, cookie, 'state-1', ada.clientId, grantId]) {
      expect(code).not.toBe('');
      expect((await redeem(server, ada.clientId, { code, verifier: good.verifier })).body.error).toBe(
        'invalid_grant',
      );
    }
    for (const token of [unredeemed.code, accessToken, cookie, good.verifier, grantId]) {
      expect((await refresh(server, ada.clientId, token)).body.error).toBe('invalid_grant');
    }
    expect((await redeem(server, ada.clientId, unredeemed)).status).toBe(200);
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
  });
});

describe('D5: what ceases to be between the code and its redemption', () => {
  it('D5: a person who is disabled gets no tokens, also when enabled again', async () => {
    const eve = await connected(server);
    const good = await obtainCode(server, eve.agent, eve.clientId);
    await server.installation.users.disable(eve.person.id, cause);
    const refused = await redeem(server, eve.clientId, good);
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const records = await recordsOf(server, refused);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ event: 'token.rejected', outcome: 'refused', subject: eve.person.id });
    await server.installation.users.enable(eve.person.id, cause);
    expect((await redeem(server, eve.clientId, good)).body.error).toBe('invalid_grant');
  });

  it('D5: a grant whose revocation was faster than its code gives no tokens', async () => {
    const good = await codeOf();
    const grantId = await grantOfCode(good.code);
    await revokeGrant(server.database.pool, grantId, 'ended_by_user', {}, cause);
    const refused = await redeem(server, ada.clientId, good);
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({ event: 'token.rejected', reason: 'grant_ended' }),
    ]);
  });

  it('D5, MCP 41: a client that was removed is 401 invalid_client', async () => {
    const { clientId } = await addTestClient(server);
    const good = await obtainCode(server, ada.agent, clientId);
    await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);
    const refused = await redeem(server, clientId, good);
    expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const records = await recordsOf(server, refused);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ event: 'client.authentication_failed', client: clientId });
  });

  it('D5: a client that was blocked is 401 invalid_client', async () => {
    const { clientId } = await addTestClient(server);
    const good = await obtainCode(server, ada.agent, clientId);
    await server.database.prisma.client.update({ where: { id: clientId }, data: { trust: 'blocked' } });
    expect(await redeem(server, clientId, good)).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
  });

  it('D5: a role that was lost leaves less, and no role leaves nothing', async () => {
    const eve = await connected(server);
    const { prisma } = server.database;
    const good = await obtainCode(server, eve.agent, eve.clientId);
    await prisma.membership.deleteMany({ where: { userId: eve.person.id } });
    const refused = await redeem(server, eve.clientId, good);
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await recordsOf(server, refused)).toEqual([
      expect.objectContaining({ event: 'token.rejected', reason: 'no_scope_remains' }),
    ]);
  });

  it('D5: a resource that was removed gets no tokens', async () => {
    const own = await startTestServer();
    try {
      const eve = await connected(own);
      const good = await obtainCode(own, eve.agent, eve.clientId);
      await removeResource(own.database.prisma, FILES, cause);
      const refused = await redeem(own, eve.clientId, good);
      expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
      expect(await recordsOf(own, refused)).toEqual([
        expect.objectContaining({ event: 'token.rejected', reason: 'resource_inactive' }),
      ]);
    } finally {
      await own.stop();
    }
  });
});

describe('what a client may ask for', () => {
  it('E10, MCP 39: a client with the refresh grant gets a refresh token, asked for or not', async () => {
    for (const scope of ['files:read', 'files:read offline_access']) {
      const { body } = await redeem(server, ada.clientId, await codeOf({ scope }));
      expect(body.refresh_token).toEqual(expect.any(String));
    }
  });

  it('E10, J9: a client without it gets none, also for offline_access', async () => {
    const { clientId } = await addTestClient(server, { grantTypes: ['authorization_code'] });
    const good = await obtainCode(server, ada.agent, clientId, { scope: 'files:read offline_access' });
    const { status, body } = await redeem(server, clientId, good);
    expect(status).toBe(200);
    expect(body).not.toHaveProperty('refresh_token');
    const { grantId: foreign, refreshToken } = await freshTokens(server, ada);
    const refused = await refresh(server, clientId, refreshToken);
    expect(refused).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    expect(await recordsOf(server, refused)).toHaveLength(1);
    expect(await endOf(server, foreign)).toBeUndefined();
  });

  it('an ID token is for the client that asked for openid, and only then', async () => {
    const { body } = await redeem(
      server,
      ada.clientId,
      await codeOf({ scope: 'openid files:read', nonce: 'n-1' }),
    );
    expect(claimsOf(String(body['id_token']))).toMatchObject({
      iss: server.issuer,
      aud: ada.clientId,
      sub: ada.person.id,
      nonce: 'n-1',
    });
    const without = await redeem(server, ada.clientId, await codeOf({ scope: 'files:read' }));
    expect(without.body).not.toHaveProperty('id_token');
  });

  it('one person, two connections: each code makes its own grant', async () => {
    const other = createAgent();
    await signedIn(server, other, ada.person);
    const [one, two] = [await freshTokens(server, ada), await freshTokens(server, { ...ada, agent: other })];
    expect(one.grantId).not.toBe(two.grantId);
    await revokeGrant(server.database.pool, one.grantId, 'ended_by_user', {}, cause);
    expect((await refresh(server, ada.clientId, one.refreshToken)).status).toBe(400);
    expect((await refresh(server, ada.clientId, two.refreshToken)).status).toBe(200);
    expect(await addPerson(server)).toBeDefined();
  });
});
