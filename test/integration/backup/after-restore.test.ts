import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../../src/domain/audit/index.ts';
import { listConnections, revokeGrant } from '../../../src/domain/grants/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { PLAIN_TEXT, readRows, readTables, writeRows } from '../../../src/platform/database/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { type Authenticator, createAuthenticator } from '../../support/authenticator.ts';
import { backUp, openEmpty, restoreTo, sealerOf, startOn } from '../../support/backup.ts';
import { runCli } from '../../support/cli.ts';
import { createTestDatabase } from '../../support/database.ts';
import { addPerson, authorizeUrl, connect, obtainCode, pkce } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  freshTokens,
  introspect,
  redeem,
  refresh,
  type Tokens,
} from '../../support/token-requests.ts';
import { walk } from '../../support/walk.ts';

const WEB = 'https://app.example/cb';

/** What people and clients held when the backup was made, and what was taken from them afterwards. */
interface Past {
  readonly environment: Readonly<Record<string, string>>;
  readonly ada: Connected;
  /** Nobody revoked it. */
  readonly kept: Tokens;
  /** Revoked after the backup. */
  readonly revoked: Tokens;
  /** Used once before the backup, so that its successor could be asked for again. */
  readonly used: Tokens;
  readonly code: { readonly code: string; readonly verifier: string };
  /** A trusted client that Ada allowed, who ended the connection after the backup. */
  readonly trusted: string;
  /** Has a consent page open. */
  readonly waiting: Awaited<ReturnType<Agent['get']>>;
  readonly authenticator: Authenticator;
  readonly grace: string;
  readonly keys: readonly string[];
}

/** A way in which an earlier state comes back: gives the database in which it is. */
type Way = (source: Pool, environment: Past['environment']) => Promise<Comeback>;
interface Comeback {
  readonly url: string;
  drop(): Promise<void>;
}

const byRestore: Way = async (source, environment) => {
  const sealer = sealerOf({ environment });
  const backup = await backUp(source, sealer);
  const target = await openEmpty();
  await restoreTo(target.database.pool, sealer, backup);
  return target;
};

/** As pg_restore does it: the rows, and nothing that knows what they mean. */
const byOtherTools: Way = async (source, environment) => {
  const target = await createTestDatabase();
  const [reader, writer] = await Promise.all([source.connect(), target.database.pool.connect()]);
  await reader.query(`BEGIN; ${PLAIN_TEXT}`);
  await writer.query(`BEGIN; ${PLAIN_TEXT}; DELETE FROM installation`);
  for (const table of await readTables(reader)) {
    for await (const rows of readRows(reader, table)) await writeRows(writer, table, rows);
  }
  await Promise.all([reader.query('COMMIT'), writer.query('COMMIT')]);
  reader.release();
  writer.release();
  const cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
  const env = { ...environment, DATABASE_URL: target.url };
  expect(await runCli(['grant', 'revoke-all'], { cwd, env })).toMatchObject({ code: 2 });
  const run = await runCli(['grant', 'revoke-all', '--yes', '--json'], { cwd, env });
  rmSync(cwd, { recursive: true });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.json()).toMatchObject({ grant_epoch: 2, grants_ended: 4, sessions_ended: 1 });
  return target;
};

async function addPasskey(server: TestServer, authenticator: Authenticator): Promise<string> {
  const { users, attempts, passkeys } = server.installation;
  const { id } = await users.add(
    { tenant: DEFAULT_TENANT, email: 'grace@example.com', name: 'Grace' },
    cause,
  );
  const token = await attempts.start('enrolment', { userId: id });
  const attempt = { token, purpose: 'enrolment' } as const;
  const person = { userId: id, email: 'grace@example.com', name: 'Grace' };
  const options = await passkeys.registrationOptions(attempt, person);
  const { passkey } = await passkeys.verifyRegistration(attempt, authenticator.register(options));
  await server.database.prisma.$transaction((tx) => passkeys.store(tx, id, passkey, { origin: cause }));
  return id;
}

/** An installation with a past, put back to it in the given way; what it was in the meantime is lost. */
async function comeBack(way: Way): Promise<{ past: Past; comeback: Comeback }> {
  const server = await startTestServer();
  const { pool } = server.database;
  const ada = await connected(server);
  const { clientId: trusted } = await addTestClient(server, { redirectUris: [WEB], trust: 'trusted' });
  await connect(server, ada.agent, trusted, { redirect_uri: WEB });
  const [kept, revoked, used] = [
    await freshTokens(server, ada),
    await freshTokens(server, ada),
    await freshTokens(server, ada),
  ];
  await refresh(server, ada.clientId, used.refreshToken);
  const code = await obtainCode(server, ada.agent, ada.clientId);
  const waiting = await ada.agent.get(
    authorizeUrl(server, { client_id: ada.clientId, code_challenge: pkce().challenge }),
  );
  expect(waiting.form?.step).toBe('consent');
  const authenticator = createAuthenticator({ origin: server.issuer });
  const grace = await addPasskey(server, authenticator);
  const { keys } = await server.installation.keys.jwks();

  const comeback = await way(pool, server.environment);

  await revokeGrant(pool, revoked.grantId, 'ended_by_user', {}, cause);
  await server.stop();
  const past = { environment: server.environment, ada, kept, revoked, used, code, trusted, waiting };
  return { past: { ...past, authenticator, grace, keys: keys.map(({ kid }) => kid) }, comeback };
}

describe.each([
  ['after gatehouse restore', byRestore],
  ['after a restore by other tools and gatehouse grant revoke-all', byOtherTools],
])('%s', (_title, way) => {
  let past: Past;
  let comeback: Comeback;
  let server: TestServer;
  beforeAll(async () => {
    ({ past, comeback } = await comeBack(way));
    server = await startOn(past.environment, comeback.url);
  });
  afterAll(async () => {
    await server.stop();
    await comeback.drop();
  });

  it('U6: a refresh token of before is invalid_grant, whether it was revoked since or not', async () => {
    const { clientId } = past.ada;
    for (const { refreshToken, grantId } of [past.kept, past.revoked, past.used]) {
      const { status, body } = await refresh(server, clientId, refreshToken);
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_grant' });
      const records = await listAudit(server.database.prisma, { grant: grantId });
      expect(records.at(-1)).toMatchObject({ event: 'refresh.rejected', reason: 'grant_ended' });
    }
  });

  it('U6: an access token of before is inactive, and its signature is worth nothing any more', async () => {
    for (const { accessToken } of [past.kept, past.revoked]) {
      expect(await introspect(server, accessToken, server)).toEqual({ active: false });
    }
    const { keys } = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: { kid: string }[] };
    expect(keys).toHaveLength(1);
    expect(past.keys).not.toContain(keys[0]?.kid);
  });

  it('U6: a code of before gives nothing', async () => {
    const { status, body } = await redeem(server, past.ada.clientId, past.code);
    expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_grant' });
  });

  it('U6: a session of before is none, and a page that was open leads nowhere', async () => {
    const account = await past.ada.agent.get(`${server.issuer}/account`);
    expect(new URL(account.url).pathname).toBe('/sign-in');
    const answer = await past.ada.agent.submit(past.waiting, { decision: 'allow', scope: 'files:read' });
    expect(answer.location).toBeUndefined();
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  it('U6: a person signs in again with password and code, is asked again, and connects', async () => {
    const agent = createAgent();
    const { verifier, challenge } = pkce();
    const left = await walk(
      agent,
      authorizeUrl(server, { client_id: past.ada.clientId, code_challenge: challenge }),
      past.ada.person,
    );
    const code = left.searchParams.get('code') ?? '';
    const { status, body } = await redeem(server, past.ada.clientId, { code, verifier });
    expect(status).toBe(200);
    expect((await refresh(server, past.ada.clientId, body.refresh_token)).status).toBe(200);
    const introspected = await introspect(server, body.access_token ?? '', server);
    expect(introspected).toMatchObject({ active: true, sub: past.ada.person.id });

    const connections = await listConnections(server.database.prisma, past.ada.person.id);
    expect(connections.map(({ id }) => id)).toEqual([introspected['grant_id']]);
    const trusted = { client_id: past.trusted, redirect_uri: WEB, code_challenge: challenge };
    expect((await agent.get(authorizeUrl(server, trusted))).form?.step).toBe('consent');
  });

  it('U6: a passkey of before signs in', async () => {
    const agent = createAgent();
    const page = await agent.get(`${server.issuer}/sign-in`);
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-csrf-token': new Map(page.form?.fields).get('csrf') ?? '',
    };
    const send = async (path: string, body: unknown) =>
      JSON.parse((await agent.post(`${server.issuer}${path}`, JSON.stringify(body), headers)).html);
    const options = await send('/sign-in/passkey/options', {});
    const response = past.authenticator.authenticate(options);
    expect(await send('/sign-in/passkey?continue=%2Faccount', { response })).toEqual({
      location: '/account',
    });
    expect(await server.installation.sessions.list(past.grace)).toHaveLength(1);
  });

  it('U6: new people and clients are added as ever', async () => {
    const person = await addPerson(server);
    const { clientId } = await addTestClient(server);
    const { verifier, challenge } = pkce();
    const left = await walk(
      createAgent(),
      authorizeUrl(server, { client_id: clientId, code_challenge: challenge }),
      person,
    );
    const code = left.searchParams.get('code') ?? '';
    expect((await redeem(server, clientId, { code, verifier })).status).toBe(200);
  });

  it('U6: the trail says what happened, after all that it held', async () => {
    const events = (await listAudit(server.database.prisma, { limit: 10_000 })).map(({ event }) => event);
    const end = way === byRestore ? 'restore.completed' : 'grant.all_revoked';
    expect(events.filter((event) => event === end)).toHaveLength(1);
    expect(events.indexOf('token.issued')).toBeLessThan(events.indexOf(end));
  });
});
