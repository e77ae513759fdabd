import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { basic, obtainCode, pkce, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  introspect,
  recordsOf,
  redeem,
  refresh,
  send,
  type Target,
  tokensOf,
} from '../../support/token-requests.ts';

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});

afterAll(() => server.stop());

const revoke = (token: string, params: Readonly<Record<string, string>> = {}, target: Target = server) =>
  send(target, '/revoke', { token, client_id: ada.clientId, ...params });

function expectUncached({ headers }: TokenResponse): void {
  expect(headers.get('cache-control')).toContain('no-store');
}

describe('a token of its own', () => {
  it('W2, MCP 44: a refresh token ends its grant and the access tokens with it, at once and with one record', async () => {
    const { accessToken, refreshToken, grantId } = await freshTokens(server, ada);
    const response = await revoke(refreshToken);
    expect(response).toMatchObject({ status: 200, body: {} });
    expectUncached(response);
    expect(await endOf(server, grantId)).toBe('revoked_by_client');
    expect(await introspect(server, accessToken, server)).toEqual({ active: false });
    expect((await refresh(server, ada.clientId, refreshToken)).body.error).toBe('invalid_grant');
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({
        event: 'grant.revoked',
        outcome: 'success',
        reason: 'revoked_by_client',
        grant: grantId,
        client: ada.clientId,
        subject: ada.person.id,
      }),
    ]);

    const again = await revoke(refreshToken);
    expect(again.status).toBe(200);
    expect(await recordsOf(server, again)).toEqual([]);
  });

  it('W2: a refresh token that was used already ends the grant too', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const next = tokensOf(await refresh(server, ada.clientId, refreshToken));
    expect((await revoke(refreshToken)).status).toBe(200);
    expect(await endOf(server, grantId)).toBe('revoked_by_client');
    expect((await refresh(server, ada.clientId, next.refreshToken)).status).toBe(400);
  });

  it('W2: an access token ends alone, with one record; its grant goes on', async () => {
    const { accessToken, refreshToken, grantId } = await freshTokens(server, ada);
    const response = await revoke(accessToken);
    expect(response.status).toBe(200);
    expectUncached(response);
    expect(await recordsOf(server, response)).toEqual([
      expect.objectContaining({ event: 'token.revoked', outcome: 'success', grant: grantId }),
    ]);
    expect(await introspect(server, accessToken, server)).toEqual({ active: false });
    expect(await endOf(server, grantId)).toBeUndefined();
    const next = tokensOf(await refresh(server, ada.clientId, refreshToken));
    expect(await introspect(server, next.accessToken, server)).toMatchObject({ active: true });

    const again = await revoke(accessToken);
    expect(again.status).toBe(200);
    expect(await recordsOf(server, again)).toEqual([]);
  });

  it('W2: the hint is only a hint, true or false', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense', '__proto__']) {
      const { accessToken, refreshToken, grantId } = await freshTokens(server, ada);
      expect((await revoke(accessToken, { token_type_hint })).status).toBe(200);
      expect(await introspect(server, accessToken, server)).toEqual({ active: false });
      expect((await revoke(refreshToken, { token_type_hint })).status).toBe(200);
      expect(await endOf(server, grantId)).toBe('revoked_by_client');
    }
  });

  it('W2: a confidential client revokes with its credential', async () => {
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const good = await obtainCode(server, ada.agent, clientId);
    const tokens = tokensOf(await redeem(server, clientId, good, { client_secret: clientSecret }));
    expect((await post(server, '/revoke', { token: tokens.refreshToken, client_id: clientId })).status).toBe(
      401,
    );
    expect(await endOf(server, tokens.grantId)).toBeUndefined();
    const response = await post(
      server,
      '/revoke',
      { token: tokens.refreshToken },
      basic(clientId, clientSecret),
    );
    expect(response.status).toBe(200);
    expect(await endOf(server, tokens.grantId)).toBe('revoked_by_client');
  });
});

describe('what is not a token of its own', () => {
  it('W2: unknown and malformed tokens are 200, for what they ask is so already', async () => {
    const { code } = await obtainCode(server, ada.agent, ada.clientId);
    for (const token of ['x', 'a.b.c', '..', '\0', '🦄', 'x'.repeat(50_000), pkce().verifier, code]) {
      const response = await revoke(token);
      expect(response).toMatchObject({ status: 200, body: {} });
      expect(await recordsOf(server, response)).toEqual([]);
    }
  });

  it('W2: a code is not revoked by it', async () => {
    const good = await obtainCode(server, ada.agent, ada.clientId);
    await revoke(good.code);
    expect((await redeem(server, ada.clientId, good)).status).toBe(200);
  });

  it('W2: a foreign token is refused, and nothing changes', async () => {
    const other = await addTestClient(server);
    const { accessToken, refreshToken, grantId } = await freshTokens(server, ada);
    for (const token of [accessToken, refreshToken]) {
      const response = await revoke(token, { client_id: other.clientId });
      expect(response).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expectUncached(response);
      expect(await recordsOf(server, response)).toEqual([
        expect.objectContaining({
          event: 'revocation.rejected',
          outcome: 'refused',
          reason: 'client_mismatch',
          client: other.clientId,
          grant: grantId,
        }),
      ]);
    }
    expect(await introspect(server, accessToken, server)).toMatchObject({ active: true });
    expect((await refresh(server, ada.clientId, refreshToken)).status).toBe(200);
  });

  it('W2: without client authentication it is refused, and nothing changes', async () => {
    const { accessToken, refreshToken, grantId } = await freshTokens(server, ada);
    const attempts: readonly (readonly [Record<string, string>, Record<string, string>, number])[] = [
      [{}, {}, 400],
      [{ client_id: 'cli_unknown' }, {}, 401],
      [{}, { authorization: `Bearer ${accessToken}` }, 400],
      [{}, basic(ada.clientId, 'guess'), 401],
    ];
    for (const [params, headers, status] of attempts) {
      const response = await post(server, '/revoke', { token: refreshToken, ...params }, headers);
      expect(response.status).toBe(status);
      expect(response.body.error).toMatch(/^invalid_(client|request)$/);
      expectUncached(response);
      expect(await recordsOf(server, response)).toHaveLength(1);
    }
    expect(await endOf(server, grantId)).toBeUndefined();
    expect(await introspect(server, accessToken, server)).toMatchObject({ active: true });
  });

  it('W2: an ID token is no token to revoke', async () => {
    const { body } = await redeem(
      server,
      ada.clientId,
      await obtainCode(server, ada.agent, ada.clientId, { scope: 'openid files:read' }),
    );
    expect((await revoke(String(body['id_token']))).status).toBe(200);
    expect(await introspect(server, body.access_token ?? '', server)).toMatchObject({ active: true });
  });
});
