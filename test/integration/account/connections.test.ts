import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listConnections } from '../../../src/domain/grants/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { addPerson, CALLBACK, connect, type Person, post, signedIn } from '../../support/flow.ts';
import { register } from '../../support/registration.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

describe('/account', () => {
  let server: TestServer;
  let ada: Person;
  let browser: Agent;
  beforeAll(async () => {
    server = await startTestServer({ GATEHOUSE_ACCESS_TOKEN_LIFETIME: '1200' });
    ada = await addPerson(server);
    browser = createAgent();
    await signedIn(server, browser, ada);
  });
  afterAll(() => server.stop());

  const delay = 'within 21 minutes';
  const url = (path: string) => `${server.issuer}${path}`;
  const refresh = async (clientId: string, tokens: { readonly refresh_token?: string }) =>
    post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
  const linksOf = (html: string) =>
    [...html.matchAll(/href="([^"]*\/end[^"]*)"/g)].map(([, href = '']) => href);

  it.each(['/account', '/account/security', '/account/security/password', '/account/connections/end'])(
    'N3: %s is shown to nobody who is not signed in',
    async (path) => {
      const page = await createAgent({ follow: false }).get(url(path));

      expect(page.status).toBe(303);
      expect(page.location).toBe(url(`/sign-in?continue=${encodeURIComponent(path)}`));
    },
  );

  it.each(['/account', '/account/connections/end'])(
    'CLI-2, NEW-4: %s says no time that a server with offline verification does not keep',
    async (path) => {
      const { clientId } = await addTestClient(server, { name: 'Timed Client' });
      await connect(server, browser, clientId);
      expect((await browser.get(url(path))).html).not.toMatch(/at once|immediately/);
      await browser.submit(await browser.get(url(`/account/connections/end?client=${clientId}`)), {});
    },
  );

  it('SEC-L2: names a client that registered itself in quotes and at most 40 characters on every page', async () => {
    const loud = `SECURITY NOTICE your account was locked, phone IT at once ${'!'.repeat(80)}`;
    const { body } = await register(server, {
      client_name: loud,
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: 'none',
    });
    const { refresh_token: token = '' } = await connect(server, browser, body.client_id, {
      redirect_uri: CALLBACK,
    });
    const grantId = (await listConnections(server.database.prisma, ada.id)).find(
      ({ client }) => client.id === body.client_id,
    )?.id;
    const quoted = '“SECURITY NOTICE your account was locked…”';
    for (const path of [
      '/account',
      `/account/connections/${grantId}/end`,
      `/account/connections/${grantId}/scopes`,
      `/account/connections/end?client=${body.client_id}`,
      '/account/connections/end',
    ]) {
      const { html } = await browser.get(url(path));
      expect(html, path).toContain(quoted);
      expect(html, path).not.toContain('phone IT');
    }
    await post(server, '/revoke', { client_id: body.client_id, token });
  });

  it('says so when no program acts for this person', async () => {
    const nobody = createAgent();
    await signedIn(server, nobody, await addPerson(server));

    expect((await nobody.get(url('/account'))).html).toContain('No program acts for you.');
  });

  it('M8: ends one connection after one confirmation and leaves the others alone', async () => {
    const { clientId } = await addTestClient(server, { name: 'Laptop Client' });
    const first = await connect(server, browser, clientId);
    const second = await connect(server, browser, clientId);
    const list = await browser.get(url('/account'));
    expect(list.html).toContain('Laptop Client');
    expect(list.html).toContain('Team Files');
    expect(list.html).toContain('Read and search your files');

    const [newest = ''] = linksOf(list.html).filter((href) => href.includes('grt_'));
    const question = await browser.get(url(newest));
    expect(question.html).toContain('Laptop Client loses its access to Team Files');
    expect(question.html).toContain(`${delay}.`);
    const after = await browser.submit(question, {});

    expect(after.url).toBe(url('/account?done=connection-ended'));
    expect(after.html).toContain(`The connection has ended. It stops working at its server ${delay}.`);
    expect(linksOf(after.html)).not.toContain(newest);
    const ended = await refresh(clientId, second);
    expect([ended.status, ended.body['error']]).toEqual([400, 'invalid_grant']);
    expect((await refresh(clientId, first)).status).toBe(200);
  });

  it('M8: ends all connections of one client, and forgets what was consented to', async () => {
    const { clientId } = await addTestClient(server, { name: 'Doomed Client' });
    const other = await addTestClient(server, { name: 'Other Client' });
    const doomed = [await connect(server, browser, clientId), await connect(server, browser, clientId)];
    const kept = await connect(server, browser, other.clientId);
    const consents = () => server.database.prisma.consent.count({ where: { userId: ada.id, clientId } });
    expect(await consents()).toBe(1);

    const question = await browser.get(url(`/account/connections/end?client=${clientId}`));
    expect(question.html).toContain('End all connections of Doomed Client?');
    expect(question.html).toContain(
      `Doomed Client loses its access to Team Files ${delay}, on every device.`,
    );
    await browser.submit(question, {});

    for (const tokens of doomed) expect((await refresh(clientId, tokens)).status).toBe(400);
    expect((await refresh(other.clientId, kept)).status).toBe(200);
    expect(await consents()).toBe(0);
  });

  it('the end of a connection is in the audit trail, with who and what', async () => {
    const records = await server.database.prisma.auditRecord.findMany({
      where: { event: 'grant.revoked', subject: ada.id },
    });

    expect(records.length).toBeGreaterThanOrEqual(3);
    for (const record of records) {
      expect(record).toMatchObject({ outcome: 'success', reason: 'ended_by_user', network: '127.0.0.1' });
      expect(record.requestId).toMatch(/^req_/);
    }
  });

  it("S1: somebody else's connection does not exist here, to be seen or to be ended", async () => {
    const { clientId } = await addTestClient(server, { name: 'Client of Ada' });
    const tokens = await connect(server, browser, clientId);
    const [id = ''] = linksOf((await browser.get(url('/account'))).html)
      .map((href) => /grt_[\w-]+/.exec(href)?.[0])
      .filter((grant) => grant !== undefined);

    const eve = createAgent();
    await signedIn(server, eve, await addPerson(server));
    expect((await eve.get(url(`/account/connections/${id}/end`))).status).toBe(404);
    expect((await eve.get(url(`/account/connections/end?client=${clientId}`))).status).toBe(404);

    const evesForm = await eve.get(url('/account/security/sessions/end-others'));
    const csrf = evesForm.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
    const forged = await eve.post(url(`/account/connections/${id}/end`), new URLSearchParams({ csrf }));
    expect(forged.status).toBe(404);
    expect((await refresh(clientId, tokens)).status).toBe(200);
  });

  it('M5: a form that our page did not make ends nothing', async () => {
    const { clientId } = await addTestClient(server, { name: 'Safe Client' });
    const tokens = await connect(server, browser, clientId);

    for (const body of [new URLSearchParams(), new URLSearchParams({ csrf: 'forged' })]) {
      expect((await browser.post(url('/account/connections/end'), body)).status).toBe(403);
    }
    const question = await browser.get(url('/account/connections/end'));
    const csrf = question.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
    const crossSite = await browser.post(url('/account/connections/end'), new URLSearchParams({ csrf }), {
      'sec-fetch-site': 'cross-site',
    });
    expect(crossSite.status).toBe(403);
    expect((await refresh(clientId, tokens)).status).toBe(200);
  });

  it('ends everything with one form, too', async () => {
    const { clientId } = await addTestClient(server, { name: 'Last Client' });
    const tokens = await connect(server, browser, clientId);

    const question = await browser.get(url('/account/connections/end'));
    expect(question.html).toContain('Last Client');
    const after = await browser.submit(question, {});

    expect(after.html).toContain('No program acts for you.');
    expect((await refresh(clientId, tokens)).status).toBe(400);
    expect((await browser.get(url('/account/connections/end'))).status).toBe(404);
  });
});
