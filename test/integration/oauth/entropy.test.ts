import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { dump } from '../../support/backup.ts';
import { authorizeUrl, CALLBACK, obtainCode, pkce } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type Connected, connected, freshTokens, redeem, refresh } from '../../support/token-requests.ts';

const real = { ...crypto };
const failing = () => {
  throw new Error('the generator is not seeded');
};

/** Everything that gives random bytes in this process fails, or works again. */
function setGenerator(works: boolean): void {
  const { randomBytes, randomFillSync, randomUUID } = real;
  Object.assign(crypto, works ? { randomBytes, randomFillSync, randomUUID } : BROKEN);
  syncBuiltinESMExports();
}
const BROKEN = { randomBytes: failing, randomFillSync: failing, randomUUID: failing };

let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});
// What nothing of ours catches, Koa writes to the console.
beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => undefined));
afterEach(() => {
  setGenerator(true);
  vi.restoreAllMocks();
});
afterAll(() => server.stop());

it('Y9: without random bytes no request succeeds, nothing is kept and nothing is spent', async () => {
  const tokens = await freshTokens(server, ada);
  const code = await obtainCode(server, ada.agent, ada.clientId);
  const { verifier, challenge } = pkce();
  const url = authorizeUrl(server, { client_id: ada.clientId, code_challenge: challenge });
  const page = await ada.agent.get(url);
  expect(page.form?.step).toBe('consent');
  const signInPage = await ada.agent.get(`${server.issuer}/sign-in?reauth=1`);

  const client_id = ada.clientId;
  const form = (path: string, params: Readonly<Record<string, string>>) => () =>
    fetch(`${server.issuer}${path}`, { method: 'POST', body: new URLSearchParams(params) });
  const attempts: Readonly<Record<string, () => Promise<{ readonly status: number }>>> = {
    'an authorization request': () => ada.agent.get(url),
    'the answer to a consent page': () =>
      ada.agent.submit(page, { decision: 'allow', scope: ['files:read'] }),
    'the redemption of a code': form('/token', {
      grant_type: 'authorization_code',
      client_id,
      code: code.code,
      code_verifier: code.verifier,
    }),
    'a refresh': form('/token', {
      grant_type: 'refresh_token',
      client_id,
      refresh_token: tokens.refreshToken,
    }),
    'a revocation': form('/revoke', { token: tokens.accessToken, client_id }),
    'a registration': () =>
      fetch(`${server.issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [CALLBACK] }),
      }),
    'a sign-in': () => ada.agent.submit(signInPage, { email: ada.person.email }),
  };

  const before = await dump(server.database.pool);
  setGenerator(false);
  // Identifiers are drawn ahead, so that the first requests still have some.
  while ((await fetch(`${server.issuer}/healthz`)).status === 200);
  for (const [what, attempt] of Object.entries(attempts)) {
    expect((await attempt()).status, what).toBeGreaterThanOrEqual(500);
  }
  setGenerator(true);
  expect(await dump(server.database.pool)).toEqual(before);

  expect((await redeem(server, ada.clientId, code)).status).toBe(200);
  expect((await refresh(server, ada.clientId, tokens.refreshToken)).status).toBe(200);
  const answer = await ada.agent.submit(page, { decision: 'allow', scope: ['files:read'] });
  const granted = new URL(answer.location ?? '').searchParams.get('code') ?? '';
  expect((await redeem(server, ada.clientId, { code: granted, verifier })).status).toBe(200);
});

it('Y9: a secret that cannot be made is no secret: what needs one fails, although identifiers are left', async () => {
  const code = await obtainCode(server, ada.agent, ada.clientId);
  const before = await dump(server.database.pool);
  setGenerator(false);
  const { status, body } = await redeem(server, ada.clientId, code);
  setGenerator(true);
  expect({ status, body }).toMatchObject({ status: 500, body: { error: 'server_error' } });
  expect(await dump(server.database.pool)).toEqual(before);
  expect((await redeem(server, ada.clientId, code)).status).toBe(200);
});
