import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { TrustLevel } from '../../../src/domain/authority/index.ts';
import { sweepGrants } from '../../../src/domain/grants/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { runCli } from '../../support/cli.ts';
import { addPerson, authorizeUrl, connect, type Person, pkce, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, MAIL, startTestServer, type TestServer } from '../../support/server.ts';

const WEB = 'https://app.example/cb';

describe('remembered consent', () => {
  let server: TestServer;
  let ada: Person;
  let browser: Agent;
  let step: Agent;
  beforeAll(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    ada = await addPerson(server);
    browser = createAgent();
    step = createAgent({ follow: false });
    await signedIn(server, browser, ada);
    await signedIn(server, step, ada);
  });
  afterAll(() => server.stop());

  const url = (path: string) => `${server.issuer}${path}`;
  const webClient = async (name: string, trust: TrustLevel = 'trusted') =>
    (await addTestClient(server, { name, trust, redirectUris: [WEB] })).clientId;
  const consent = (clientId: string, params: Readonly<Record<string, string>> = {}) =>
    connect(server, browser, clientId, { redirect_uri: WEB, scope: 'files:read files:write', ...params });

  /** Whether the next authorization of the client shows a page, or answers with a code at once. */
  async function asks(clientId: string, params: Readonly<Record<string, string>> = {}): Promise<boolean> {
    const { challenge } = pkce();
    const scope = 'files:read files:write';
    const page = await step.get(
      authorizeUrl(server, {
        client_id: clientId,
        redirect_uri: WEB,
        code_challenge: challenge,
        scope,
        ...params,
      }),
    );
    if (new URL(page.location ?? '').searchParams.has('code')) return false;
    const interaction = await step.get(page.location ?? '');
    expect(interaction.form?.step).toBe('consent');
    return true;
  }

  const forgotten = () =>
    server.database.prisma.auditRecord.findMany({
      where: { event: 'consent.forgotten', subject: ada.id },
      select: { client: true, reason: true, outcome: true },
    });

  it('SEC-M6: End all makes the next authorization of a trusted https client ask, although the client had revoked its grant (RFC 7009)', async () => {
    const clientId = await webClient('Signs Out');
    const tokens = await consent(clientId);
    const revoked = await post(server, '/revoke', { token: tokens.refresh_token ?? '', client_id: clientId });
    expect(revoked.status).toBe(200);
    expect(await asks(clientId)).toBe(false);

    const account = await browser.get(url('/account'));
    expect(account.html).toContain('Signs Out');
    const after = await browser.submit(await browser.get(url('/account/connections/end')), {});
    expect(after.html).toContain('No program acts for you.');

    expect(await asks(clientId)).toBe(true);
    expect(await forgotten()).toEqual([{ client: clientId, reason: 'ended_by_user', outcome: 'success' }]);
  });

  it('SEC-M6: ending one connection forgets the consent that it rests on, and no other', async () => {
    const clientId = await webClient('Two Servers');
    await consent(clientId);
    const mail = { resource: MAIL, scope: 'mail:read' };
    await consent(clientId, mail);
    const list = await browser.get(url('/account'));
    const grant = await server.database.prisma.grant.findFirstOrThrow({
      where: { clientId, resource: { identifier: MAIL } },
    });
    expect(list.html).toContain(`/account/connections/${grant.id}/end`);
    await browser.submit(await browser.get(url(`/account/connections/${grant.id}/end`)), {});

    expect(await asks(clientId, mail)).toBe(true);
    expect(await asks(clientId)).toBe(false);
  });

  it('SEC-M6: ending all connections of one client forgets that client and no other, whether or not a connection lives', async () => {
    const [doomed, kept] = [await webClient('Doomed'), await webClient('Kept')];
    const tokens = await consent(doomed);
    await consent(kept);
    await post(server, '/revoke', { token: tokens.refresh_token ?? '', client_id: doomed });

    const question = await browser.get(url(`/account/connections/end?client=${doomed}`));
    expect(question.html).toContain('End all connections of Doomed?');
    await browser.submit(question, {});
    expect(await asks(doomed)).toBe(true);
    expect(await asks(kept)).toBe(false);
  });

  it('SEC-M6: /account lists a remembered consent without a living connection and forgets it alone', async () => {
    const clientId = await webClient('Remembered');
    const tokens = await consent(clientId);
    await post(server, '/revoke', { token: tokens.refresh_token ?? '', client_id: clientId });

    const list = await browser.get(url('/account'));
    expect(list.html).toContain('Remembered');
    expect(list.html).toContain('Create and change files');
    const [href = ''] = [...list.html.matchAll(/href="([^"]*\/consents\/[^"]*\/forget)"/g)].map(
      ([, found = '']) => found,
    );
    const question = await browser.get(url(href));
    expect(question.html).toContain('Forget what you allowed Remembered?');

    const eve = createAgent();
    await signedIn(server, eve, await addPerson(server));
    expect((await eve.get(url(href))).status).toBe(404);
    const evesForm = await eve.get(url('/account/security/sessions/end-others'));
    const csrf = evesForm.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
    expect((await eve.post(url(href), new URLSearchParams({ csrf }))).status).toBe(404);
    expect((await browser.post(url(href), new URLSearchParams({ csrf: 'forged' }))).status).toBe(403);
    expect(await asks(clientId)).toBe(false);

    await browser.submit(question, {});
    expect(await asks(clientId)).toBe(true);
    expect((await browser.get(url(href))).status).toBe(404);
  });

  it.each([
    ['trusted', 90],
    ['first_party', 180],
  ] as const)('SEC-M6: a consent for a %s client expires after %i days', async (trust, days) => {
    const clientId = await webClient('Expires', trust);
    await consent(clientId, { prompt: 'consent' });
    const { pool } = server.database;
    const { rows } = await pool.query(
      `SELECT (EXTRACT(EPOCH FROM expires_at - granted_at) / 86400)::int AS days FROM consents WHERE client_id = $1`,
      [clientId],
    );
    expect(rows).toEqual([{ days }]);
  });

  it('SEC-M6: an expired consent no longer counts and housekeeping deletes it', async () => {
    const clientId = await webClient('Expired');
    await consent(clientId);
    expect(await asks(clientId)).toBe(false);
    const { pool } = server.database;
    await pool.query(`UPDATE consents SET expires_at = now() WHERE client_id = $1`, [clientId]);
    expect(await asks(clientId)).toBe(true);
    await sweepGrants(pool);
    expect(await server.database.prisma.consent.count({ where: { clientId } })).toBe(0);
  });

  it('SEC-M6: disabling a person forgets their consents, so that enabling them again brings none back', async () => {
    const clientId = await webClient('Of a Disabled Person');
    await consent(clientId);
    await server.installation.users.disable(ada.id, cause);
    await server.installation.users.enable(ada.id, cause);
    await signedIn(server, step, ada);
    expect(await asks(clientId)).toBe(true);
    expect(await forgotten()).toEqual([{ client: clientId, reason: 'user_disabled', outcome: 'success' }]);
  });

  it('SEC-M6, CLI-2: gatehouse grant revoke forgets the consent too, and says when tokens stop working', async () => {
    const clientId = await webClient('Revoked by Command');
    await consent(clientId);
    const { id } = await server.database.prisma.grant.findFirstOrThrow({ where: { clientId } });
    const env = { ...server.environment, GATEHOUSE_ACCESS_TOKEN_LIFETIME: '600' };
    const { code, stdout } = await runCli(['grant', 'revoke', id], { cwd: process.cwd(), env });
    expect([code, stdout]).toEqual([
      0,
      `Revoked ${id}. It gets no new token; the one that it holds stops working within 11 minutes.\n`,
    ]);
    expect(await asks(clientId)).toBe(true);
  });
});
