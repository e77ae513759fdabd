import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type AuditRecord, listAudit } from '../../../src/domain/audit/index.ts';
import { revokeGrantsOf, settleCutoffs } from '../../../src/domain/grants/index.ts';
import { byClient } from '../../../src/kernel/cause.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { runCli } from '../../support/cli.ts';
import { addPerson, connect, type Person, post, signedIn } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

describe('the actor of an audit record', () => {
  let server: TestServer;
  let ada: Person;
  let browser: Agent;
  let cwd: string;
  beforeAll(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'actors-'));
    server = await startTestServer();
    ada = await addPerson(server);
    browser = createAgent();
    await signedIn(server, browser, ada);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  const gatehouse = (...args: readonly string[]) => runCli(args, { cwd, env: server.environment });
  const latest = async (event: string, query: { readonly grant?: string } = {}): Promise<AuditRecord> => {
    const record = (await listAudit(server.database.prisma, { event, ...query })).at(-1);
    if (!record) throw new Error(`no ${event}`);
    return record;
  };
  const user = () => ({ type: 'user', id: ada.id });

  it('NEW-5: is the person at sign-in, at consent and at the account page', async () => {
    const authentication = { userId: ada.id, passkeyId: undefined, acr: 'phr', amr: ['pop', 'user', 'mfa'] };
    await server.installation.signIn.enter(authentication as never, { origin: { requestId: 'req_test' } });
    expect((await latest('signin.succeeded')).actor).toEqual(user());
    const { clientId } = await addTestClient(server);
    await connect(server, browser, clientId);
    expect((await latest('grant.issued')).actor).toEqual(user());

    const page = await browser.get(`${server.issuer}/account/connections/end?client=${clientId}`);
    await browser.submit(page, {});
    expect((await latest('grant.revoked')).actor).toEqual(user());
  });

  it('NEW-5: is the client at the token and revocation endpoints', async () => {
    const { clientId } = await addTestClient(server);
    const { refresh_token: token = '' } = await connect(server, browser, clientId);
    const client = { type: 'client', id: clientId };
    expect((await latest('token.issued')).actor).toEqual(client);
    await post(server, '/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: token });
    expect((await latest('refresh.rotated')).actor).toEqual(client);
    await post(server, '/revoke', { client_id: clientId, token });
    expect(await latest('grant.revoked')).toMatchObject({ actor: client, reason: 'revoked_by_client' });
  });

  it.each([
    ['client_secret_post', 'the client that authenticated itself and presents a token of another one'],
    ['none', 'anonymous where a public client_id stands beside a token of another client'],
  ] as const)('NEW-5: with %s is %s', async (authMethod, _who) => {
    const owner = await addTestClient(server);
    const thief = await addTestClient(server, { authMethod });
    const { refresh_token: token = '' } = await connect(server, browser, owner.clientId);
    const { status } = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: thief.clientId,
      ...(thief.clientSecret === undefined ? {} : { client_secret: thief.clientSecret }),
      refresh_token: token,
    });
    expect(status).toBe(400);
    expect(await latest('refresh.reused')).toMatchObject({
      client: owner.clientId,
      actor: authMethod === 'none' ? { type: 'anonymous' } : { type: 'client', id: thief.clientId },
      detail: { presented_by: thief.clientId },
    });
  });

  it('NEW-5: is anonymous for a request that proved nothing, whatever it claims', async () => {
    const { clientId } = await addTestClient(server);
    await post(server, '/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: 'x' });
    expect(await latest('refresh.rejected')).toMatchObject({
      client: clientId,
      actor: { type: 'anonymous' },
    });
  });

  it('SEC-L17, NEW-5: is the operating system’s user for a command, shown and asked for by audit list', async () => {
    const grace = await addPerson(server);
    expect((await gatehouse('user', 'disable', grace.email)).code).toBe(0);
    const operator = userInfo().username;
    expect(await latest('user.disabled')).toMatchObject({
      subject: grace.id,
      actor: { type: 'command_line', id: operator },
    });

    const table = await gatehouse('audit', 'list', '--actor', operator, '--event', 'user.disabled');
    expect(table.stdout).toContain(`command line ${operator}`);
    const theirs = await gatehouse('audit', 'list', '--actor', ada.email);
    expect(theirs.stdout).toContain(`${ada.email} ${ada.id}`);
    expect(theirs.stdout).not.toContain('user.disabled');
  });

  it('NEW-5: is who ended the grants of a client, also where housekeeping goes on with it', async () => {
    const { prisma, pool } = server.database;
    const { clientId } = await addTestClient(server);
    await connect(server, browser, clientId);
    const cause = byClient(clientId, { requestId: 'req_cutoff' });
    await prisma.$transaction((tx) => revokeGrantsOf(tx, { clientId }, 'client_removed', cause));
    await pool.query('UPDATE grants SET revoked_at = NULL, revoked_reason = NULL WHERE client_id = $1', [
      clientId,
    ]);
    expect(await settleCutoffs(prisma)).toBe(1);

    const records = await listAudit(prisma, { event: 'grant.revoked', client: clientId });
    expect(records.map(({ actor }) => actor)).toEqual([cause.actor, cause.actor]);
  });

  it('counts records in the order in which they were written', async () => {
    const records = await listAudit(server.database.prisma, {});
    const numbers = records.map(({ seq }) => seq);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(records.every(({ actor }) => actor !== undefined)).toBe(true);
  });
});
