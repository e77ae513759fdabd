import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrant, revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { addResource, removeResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { basic, claimsOf, obtainCode, pkce, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { statementsDuring } from '../../support/statements.ts';
import {
  type Connected,
  connected,
  freshTokens,
  recordsOf,
  redeem,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

/** A resource that may introspect, and another one. */
const NOTES = 'https://notes.example/mcp';
const CHAT = 'https://chat.example/mcp';

interface Credential {
  readonly id: string;
  readonly secret: string;
}

let server: TestServer;
let ada: Connected;
let notes: Credential;
let chat: Credential;
/** A confidential client. */
let app: Credential;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
  app = await addConfidential();
  notes = await addIntrospectingResource(NOTES);
  chat = await addIntrospectingResource(CHAT);
});

afterAll(() => server.stop());

async function addIntrospectingResource(identifier: string): Promise<Credential> {
  const { resource, secret = '' } = await addResource(
    server.database.prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier,
      name: 'Notes',
      scopes: [{ scope: 'notes:read', description: 'Read notes', destructive: false }],
      withSecret: true,
    },
    cause,
  );
  return { id: resource.id, secret };
}

const ask = (token: string, { id, secret }: Credential, params: Readonly<Record<string, string>> = {}) =>
  post(server, '/introspect', { token, ...params }, basic(id, secret));
const askAsClient = (token: string, client: Credential = app) =>
  post(server, '/introspect', { token }, basic(client.id, client.secret));
/** Tokens of a confidential client. */
const tokensOfApp = async (params: Readonly<Record<string, string>> = {}) =>
  tokensOf(
    await redeem(server, app.id, await obtainCode(server, ada.agent, app.id, params), {
      client_secret: app.secret,
    }),
  );
const addConfidential = async (): Promise<Credential> => {
  const { clientId, clientSecret = '' } = await addTestClient(server, { authMethod: 'client_secret_basic' });
  return { id: clientId, secret: clientSecret };
};
const inactive = { status: 200, body: { active: false } };

function expectUncached({ headers }: TokenResponse): void {
  expect(headers.get('cache-control')).toContain('no-store');
  expect(headers.get('content-type')).toMatch(/^application\/json\b/);
}

describe('whoever is entitled', () => {
  it('MCP 44: a resource learns of a token for itself everything that the token says', async () => {
    const { accessToken } = await freshTokens(server, ada, { resource: NOTES, scope: 'notes:read' });
    const response = await ask(accessToken, notes);
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ active: true, token_type: 'Bearer', ...claimsOf(accessToken) });
    expect(response.body).toMatchObject({ aud: NOTES, sub: ada.person.id, scope: 'notes:read' });
    expectUncached(response);
    expect(await recordsOf(server, response)).toEqual([]);
  });

  it('a client learns of its own tokens, access and refresh, whatever the hint says', async () => {
    const { accessToken, refreshToken, grantId } = await tokensOfApp({ resource: NOTES });
    for (const token_type_hint of ['access_token', 'refresh_token', 'id_token', '__proto__']) {
      const access = await ask(accessToken, app, { token_type_hint });
      expect(access.body).toMatchObject({ active: true, grant_id: grantId });
      const ofRefresh = await ask(refreshToken, app, { token_type_hint });
      expect(ofRefresh.body).toEqual({
        active: true,
        iss: server.issuer,
        client_id: app.id,
        sub: ada.person.id,
        aud: NOTES,
        scope: 'notes:read',
        grant_id: grantId,
        tenant: 'ten_default',
      });
    }
  });

  it('a refresh token that was used, or expired, is not active', async () => {
    const { refreshToken } = await tokensOfApp();
    const proof = { client_secret: app.secret };
    const next = tokensOf(await refresh(server, app.id, refreshToken, proof)).refreshToken;
    expect(await askAsClient(refreshToken)).toMatchObject(inactive);
    expect((await askAsClient(next)).body).toMatchObject({ active: true });
    await server.database.pool.query('UPDATE refresh_tokens SET expires_at = now() WHERE token_hash = $1', [
      createHash('sha256').update(next).digest(),
    ]);
    expect((await askAsClient(next)).body).toEqual({ active: false });
  });
});

describe('what a question costs', () => {
  it('is two round trips, for the resource and for the client', async () => {
    const { accessToken } = await tokensOfApp({ resource: NOTES });
    for (const question of [() => ask(accessToken, notes), () => askAsClient(accessToken)]) {
      const { value, statements } = await statementsDuring(question);
      expect(value.body).toMatchObject({ active: true });
      expect(statements.map(({ name }) => name)).toEqual(['find-oauth-client', 'access-token-backing']);
    }
  });
});

describe('whoever is not', () => {
  it("G10: a resource learns nothing of another resource's token, and one record is left", async () => {
    const { accessToken, refreshToken, grantId } = await freshTokens(server, ada, { resource: NOTES });
    for (const token of [accessToken, refreshToken]) {
      const response = await ask(token, chat);
      expect(response.status).toBe(200);
      expect(response.body).toEqual({ active: false });
      expectUncached(response);
      expect(await recordsOf(server, response)).toEqual([
        expect.objectContaining({
          event: 'introspection.rejected',
          outcome: 'refused',
          reason: 'not_entitled',
          client: chat.id,
          grant: grantId,
        }),
      ]);
    }
    expect((await ask(accessToken, notes)).body).toMatchObject({ active: true });
  });

  it('G10: a resource learns nothing of refresh tokens, not even of grants for itself', async () => {
    const { refreshToken } = await freshTokens(server, ada, { resource: NOTES });
    expect((await ask(refreshToken, notes)).body).toEqual({ active: false });
  });

  it("G10: a client learns nothing of another client's tokens", async () => {
    const other = await addConfidential();
    const { accessToken, refreshToken } = await freshTokens(server, ada, { resource: NOTES });
    for (const token of [accessToken, refreshToken]) {
      expect((await askAsClient(token, other)).body).toEqual({ active: false });
    }
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
  });

  it('G10: without authentication, or with that of a user, it is 401 and nothing is said', async () => {
    const { accessToken } = await freshTokens(server, ada, { resource: NOTES });
    const attempts: readonly (readonly [Record<string, string>, Record<string, string>, number])[] = [
      [{}, {}, 400],
      [{}, { authorization: `Bearer ${accessToken}` }, 400],
      [{}, { authorization: `DPoP ${accessToken}` }, 400],
      [{}, basic(notes.id, 'wrong'), 401],
      [{}, basic(notes.id, chat.secret), 401],
      [{ client_id: notes.id }, {}, 401],
      [{ client_id: notes.id, client_secret: 'wrong' }, {}, 401],
      [{ client_id: 'res_unknown' }, {}, 401],
    ];
    for (const [params, headers, status] of attempts) {
      const response = await post(server, '/introspect', { token: accessToken, ...params }, headers);
      expect(response.status).toBe(status);
      expect(Object.keys(response.body).sort()).toEqual(['error', 'error_description']);
      expectUncached(response);
      const challenge = response.headers.get('www-authenticate');
      if (status === 401 && headers['authorization']) expect(challenge).toMatch(/^Basic realm="/);
      const records = await recordsOf(server, response);
      expect(records).toHaveLength(1);
      expect(records[0]?.outcome).toBe('refused');
    }
  });

  it('a resource is no client of the token endpoint, and revokes nothing', async () => {
    const { accessToken, refreshToken } = await freshTokens(server, ada, { resource: NOTES });
    const { code, verifier } = await obtainCode(server, ada.agent, ada.clientId, { resource: NOTES });
    for (const params of [
      { grant_type: 'refresh_token', refresh_token: refreshToken },
      { grant_type: 'authorization_code', code, code_verifier: verifier },
    ]) {
      const response = await post(server, '/token', params, basic(notes.id, notes.secret));
      expect(response).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    }
    for (const token of [accessToken, refreshToken]) {
      const response = await post(server, '/revoke', { token }, basic(notes.id, notes.secret));
      expect(response.status).toBe(400);
    }
    expect((await ask(accessToken, notes)).body).toMatchObject({ active: true });
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
    expect((await redeem(server, ada.clientId, { code, verifier })).status).toBe(200);
  });
});

describe('what is no living token', () => {
  it('G11: garbage has one answer, of one shape, and no trace', async () => {
    const { accessToken } = await freshTokens(server, ada, { resource: NOTES });
    const [header = '', payload = '', signature = ''] = accessToken.split('.');
    const garbage = [
      'x',
      '.',
      '..',
      'a.b.c',
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${signature}x`,
      `${header}.${payload}.${Buffer.from('x'.repeat(64)).toString('base64url')}`,
      `${accessToken}.x`,
      ` ${accessToken}`,
      `\0${accessToken}`,
      '\0',
      '🦄'.repeat(100),
      'x'.repeat(50_000),
      `${header}.${'A'.repeat(9_000)}.${signature}`,
      '__proto__',
      pkce().verifier,
    ];
    for (const token of garbage) {
      const response = await ask(token, notes);
      expect(response, token.slice(0, 80)).toMatchObject(inactive);
      expect(Object.keys(response.body)).toEqual(['active']);
      expectUncached(response);
    }
  });

  it('G11: nothing, and a megabyte, are refused', async () => {
    const empty = await ask('', notes);
    expect(empty).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expectUncached(empty);
    const huge = await ask('x'.repeat(1_000_000), notes);
    expect(huge.status).toBe(413);
    expectUncached(huge);
  });

  it('G10: each end of a token is seen at once: revoked, ended, disabled, removed', async () => {
    const { prisma, pool } = server.database;
    const eve = await connected(server);
    const active = async () =>
      freshTokens(server, eve, { resource: NOTES }).then(async (tokens) => {
        expect((await ask(tokens.accessToken, notes)).body).toMatchObject({ active: true });
        return tokens;
      });
    const expectInactive = async ({ accessToken }: { readonly accessToken: string }) =>
      expect((await ask(accessToken, notes)).body).toEqual({ active: false });

    const revoked = await active();
    await post(server, '/revoke', { token: revoked.accessToken, client_id: eve.clientId });
    await expectInactive(revoked);

    const ended = await active();
    await revokeGrant(pool, ended.grantId, 'ended_by_user', {}, cause);
    await expectInactive(ended);

    const capped = await active();
    await pool.query('UPDATE grants SET expires_at = now() WHERE id = $1', [capped.grantId]);
    await expectInactive(capped);

    const blocked = await active();
    await prisma.client.update({ where: { id: eve.clientId }, data: { trust: 'blocked' } });
    await expectInactive(blocked);
    await prisma.client.update({ where: { id: eve.clientId }, data: { trust: 'known' } });

    const disabled = await active();
    await server.installation.users.disable(eve.person.id, cause);
    await expectInactive(disabled);

    const { clientId } = await addTestClient(server);
    const removed = tokensOf(
      await redeem(server, clientId, await obtainCode(server, ada.agent, clientId, { resource: NOTES })),
    );
    await removeClient({ prisma, revokeGrantsOf }, clientId, cause);
    await expectInactive(removed);
  });

  it('F8: a resource that was removed can no longer ask, and its tokens are dead for the client', async () => {
    const identifier = 'https://gone.example/mcp';
    const gone = await addIntrospectingResource(identifier);
    const { accessToken } = await tokensOfApp({ resource: identifier });
    expect((await ask(accessToken, gone)).body).toMatchObject({ active: true });
    await removeResource(server.database.prisma, identifier, cause);
    expect(await ask(accessToken, gone)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(await askAsClient(accessToken)).toMatchObject(inactive);

    // Added again it is another resource: old tokens stay dead, and the old secret opens nothing.
    const again = await addIntrospectingResource(identifier);
    expect((await ask(accessToken, again)).body).toEqual({ active: false });
    expect((await ask(accessToken, { id: again.id, secret: gone.secret })).status).toBe(401);
  });

  it('F4: a token for another resource is not active for this one, though both are the same client and person', async () => {
    const { accessToken } = await freshTokens(server, ada, { resource: FILES });
    expect((await ask(accessToken, notes)).body).toEqual({ active: false });
  });
});
