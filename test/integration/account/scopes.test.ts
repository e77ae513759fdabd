import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import type { TrustLevel } from '../../../src/domain/authority/index.ts';
import { type Agent, createAgent, type Page, scopesBeyond } from '../../support/agent.ts';
import { addPerson, CALLBACK, claimsOf, connect, type Person, post, signedIn } from '../../support/flow.ts';
import { addTestClient, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { introspect, refresh, type Tokens, tokensOf } from '../../support/token-requests.ts';
import { totpCode } from '../../support/totp.ts';

const READ_WRITE = 'files:read files:write';

describe('/account/connections/:id/scopes', () => {
  let server: TestServer;
  let ada: Person;
  let browser: Agent;
  beforeAll(async () => {
    server = await startTestServer({ GATEHOUSE_ACCESS_TOKEN_LIFETIME: '1200' });
  });
  beforeEach(async () => {
    ada = await addPerson(server);
    browser = createAgent();
    await signedIn(server, browser, ada);
  });
  afterAll(() => server.stop());

  const url = (path: string) => `${server.issuer}${path}`;
  const pathOf = (grantId: string) => `/account/connections/${grantId}/scopes`;
  const open = (grantId: string, agent = browser) => agent.get(url(pathOf(grantId)));
  const client = async (trust: TrustLevel = 'known') => (await addTestClient(server, { trust })).clientId;
  const save = async (grantId: string, scope: readonly string[]) =>
    browser.submit(await open(grantId), { scope });
  const ticked = (page: Page) =>
    page.form?.checkboxes.filter(({ checked }) => checked).map(({ value }) => value);
  const csrfOf = (page: Page) => page.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
  const scopeOf = (jwt: string | undefined) => claimsOf(jwt)['scope'];

  async function connection(clientId: string, scope = READ_WRITE): Promise<Tokens> {
    return tokensOf({
      status: 200,
      headers: new Headers(),
      body: await connect(server, browser, clientId, { scope }),
    });
  }

  /** Registers an untrusted public client. */
  async function registered(grantTypes: readonly string[]): Promise<string> {
    const response = await fetch(url('/register'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Helper',
        redirect_uris: [CALLBACK],
        token_endpoint_auth_method: 'none',
        grant_types: grantTypes,
      }),
    });
    return ((await response.json()) as { client_id: string }).client_id;
  }

  /** Makes the sign-in of this person eleven minutes old. */
  async function age(): Promise<void> {
    await server.database.pool.query(
      "UPDATE sessions SET auth_time = now() - interval '11 minutes' WHERE user_id = $1",
      [ada.id],
    );
  }

  async function signInAgain(identify: Page): Promise<Page> {
    const password = await browser.submit(identify, { email: ada.email });
    const code = await browser.submit(password, { password: ada.password });
    return browser.submit(code, { code: totpCode(ada.totpSecret) });
  }

  async function recordsOf(grantId: string) {
    const records = await listAudit(server.database.prisma, { grant: grantId, limit: 10_000 });
    return records
      .filter(({ event }) => event === 'grant.narrowed' || event === 'grant.widened')
      .map(({ event, outcome, subject, scopes, detail }) => ({ event, outcome, subject, scopes, detail }));
  }

  const heldBy = async (grantId: string) =>
    (await server.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId } })).scopes;

  describe('narrowing', () => {
    it('CLI-1: takes effect at the next refresh, and at once at introspection, without another sign-in', async () => {
      const clientId = await client();
      const { grantId, accessToken, refreshToken } = await connection(clientId);
      await age();

      const list = await browser.get(url('/account'));
      expect(list.html).toContain(`href="${pathOf(grantId)}"`);
      const form = await open(grantId);
      expect(form.html).toContain('stops working at its server within 21 minutes');
      expect(ticked(form)).toEqual(['files:read', 'files:write']);
      const after = await browser.submit(form, { scope: ['files:read'] });

      expect(after.url).toBe(url('/account?done=connection-narrowed'));
      expect(after.html).toContain(
        'The connection may do less now. What you took back stops working at its server within 21 minutes.',
      );
      expect((await introspect(server, accessToken, server))['scope']).toBe('files:read');
      const next = await refresh(server, clientId, refreshToken);
      expect(next).toMatchObject({ status: 200, body: { scope: 'files:read' } });
      expect(scopeOf(next.body.access_token)).toBe('files:read');
      expect((await introspect(server, next.body.access_token ?? '', server))['scope']).toBe('files:read');
      expect(await recordsOf(grantId)).toEqual([
        {
          event: 'grant.narrowed',
          outcome: 'success',
          subject: ada.id,
          scopes: ['files:read'],
          detail: { removed: ['files:write'] },
        },
      ]);
    });

    it('CLI-1: narrows a repeated refresh within the grace period', async () => {
      const clientId = await client();
      const { grantId, refreshToken } = await connection(clientId);
      const leaf = tokensOf(await refresh(server, clientId, refreshToken)).refreshToken;
      await save(grantId, ['files:read']);

      const repeated = await refresh(server, clientId, refreshToken);
      expect(repeated).toMatchObject({ status: 200, body: { scope: 'files:read', refresh_token: leaf } });
    });

    it('CLI-1: narrows a client silently that repeats the scope string of its authorization', async () => {
      const clientId = await client();
      const { grantId, refreshToken } = await connection(clientId);
      await save(grantId, ['files:read']);

      const repeated = await refresh(server, clientId, refreshToken, { scope: READ_WRITE });
      expect(repeated).toMatchObject({ status: 200, body: { scope: 'files:read' } });
      const next = repeated.body.refresh_token;
      for (const scope of ['files:write', 'files:read files:delete']) {
        expect(await refresh(server, clientId, next, { scope })).toMatchObject({
          status: 400,
          body: { error: 'invalid_scope' },
        });
      }
      expect((await refresh(server, clientId, next)).body.scope).toBe('files:read');
    });

    it('CLI-1: narrows the remembered consent, and forgets it when nothing of it remains', async () => {
      const clientId = await client('trusted');
      const { grantId } = await connection(clientId);
      const other = await connection(clientId, 'files:write');
      const remembered = async () => {
        const rows = await server.database.prisma.consent.findMany({ where: { userId: ada.id, clientId } });
        return rows.map(({ scopes }) => scopes);
      };
      expect(await remembered()).toEqual([['files:write', 'files:read'].sort()]);

      await save(grantId, ['files:read']);
      expect(await remembered()).toEqual([['files:read']]);

      await save(other.grantId, ['files:write', 'files:read']);
      await save(other.grantId, ['files:write']);
      expect(await remembered()).toEqual([]);
      const forgotten = await listAudit(server.database.prisma, {
        event: 'consent.forgotten',
        client: clientId,
      });
      expect(forgotten).toMatchObject([{ reason: 'ended_by_user', subject: ada.id }]);
    });

    it('CLI-1: leaves every other connection of the same client as it is', async () => {
      const clientId = await client();
      const first = await connection(clientId);
      const second = await connection(clientId);
      await save(first.grantId, ['files:read']);

      expect(await heldBy(second.grantId)).toEqual(['files:read', 'files:write']);
      expect((await refresh(server, clientId, second.refreshToken)).body.scope).toBe(READ_WRITE);
    });
  });

  describe('widening', () => {
    it('CLI-1: gives the next token what was added, also after the client named its old scopes', async () => {
      const clientId = await client();
      const { grantId, refreshToken } = await connection(clientId, 'files:read');
      const form = await open(grantId);
      expect(form.html).toContain('You can also allow');
      expect(ticked(form)).toEqual(['files:read']);
      expect(scopesBeyond(form)).toEqual(['files:write', 'files:delete']);

      const after = await browser.submit(form, { scope: ['files:read', 'files:delete'] });
      expect(after.html).toContain('The connection may do more now.');

      const old = await refresh(server, clientId, refreshToken, { scope: 'files:read' });
      expect(old.body.scope).toBe('files:read');
      const next = await refresh(server, clientId, old.body.refresh_token);
      expect(next).toMatchObject({ status: 200, body: { scope: 'files:read files:delete' } });
      expect((await introspect(server, next.body.access_token ?? '', server))['scope']).toBe(
        'files:read files:delete',
      );
      const named = await refresh(server, clientId, next.body.refresh_token, { scope: 'files:delete' });
      expect(named.body.scope).toBe('files:delete');
      expect(await recordsOf(grantId)).toEqual([
        {
          event: 'grant.widened',
          outcome: 'success',
          subject: ada.id,
          scopes: ['files:read', 'files:delete'],
          detail: { added: ['files:delete'] },
        },
      ]);
    });

    it('CLI-1: needs a fresh sign-in, which leads back to the form with the choice, unsaved', async () => {
      const clientId = await client();
      const { grantId, refreshToken } = await connection(clientId, 'files:read');
      await age();

      const form = await open(grantId);
      expect(form.html).toContain('Before something is added, you sign in again.');
      const identify = await browser.submit(form, { scope: ['files:write'] });
      expect(identify.url).toBe(url(`/sign-in?continue=${encodeURIComponent(pathOf(grantId))}&reauth=1`));
      expect(await heldBy(grantId)).toEqual(['files:read']);
      expect((await refresh(server, clientId, refreshToken)).body.scope).toBe('files:read');

      const again = await signInAgain(identify);
      expect(again.url).toBe(url(pathOf(grantId)));
      expect(ticked(again)).toEqual(['files:write']);
      expect(await heldBy(grantId)).toEqual(['files:read']);
      expect(ticked(await open(grantId))).toEqual(['files:read']);

      const after = await browser.submit(again, {});
      expect(after.url).toBe(url('/account?done=connection-changed'));
      expect(await heldBy(grantId)).toEqual(['files:write']);
      expect((await recordsOf(grantId)).map(({ event, detail }) => [event, detail])).toEqual(
        expect.arrayContaining([
          ['grant.narrowed', { removed: ['files:read'] }],
          ['grant.widened', { added: ['files:write'] }],
        ]),
      );
    });

    it('CLI-1: ticks nothing that an address names', async () => {
      const { grantId } = await connection(await client(), 'files:read');
      const page = await browser.get(url(`${pathOf(grantId)}?scope=files:delete&scopes=files:delete`));
      expect(ticked(page)).toEqual(['files:read']);
    });

    it('CLI-1: gives back what was taken back, and a client may name it again', async () => {
      const clientId = await client();
      const { grantId, refreshToken } = await connection(clientId);
      await save(grantId, ['files:read']);
      await save(grantId, ['files:read', 'files:write']);

      const { withdrawnScopes } = await server.database.prisma.grant.findUniqueOrThrow({
        where: { id: grantId },
      });
      expect(withdrawnScopes).toEqual([]);
      expect((await refresh(server, clientId, refreshToken, { scope: READ_WRITE })).body.scope).toBe(
        READ_WRITE,
      );
    });

    it('CLI-1: never offers or gives an untrusted client what is destructive', async () => {
      const clientId = await registered(['authorization_code', 'refresh_token']);
      const { grantId } = await connection(clientId, 'files:read');
      const form = await open(grantId);
      expect(scopesBeyond(form)).toEqual(['files:write']);

      const refused = await browser.submit(form, { scope: ['files:read', 'files:delete'] });
      expect(refused.status).toBe(400);
      expect(refused.html).toContain('can no longer be allowed');
      expect(await heldBy(grantId)).toEqual(['files:read']);
      expect(await recordsOf(grantId)).toEqual([]);
    });

    it('CLI-1: offers nothing to a client without a refresh token, which would never get it', async () => {
      const clientId = await registered(['authorization_code']);
      const { access_token: accessToken } = await connect(server, browser, clientId, { scope: 'files:read' });
      expect(scopesBeyond(await open(String(claimsOf(accessToken)['grant_id'])))).toEqual([]);
    });

    it('CLI-1: offers only what the roles of the person permit', async () => {
      const { prisma } = server.database;
      const { grantId } = await connection(await client(), 'files:read');
      const resource = await prisma.resource.findFirstOrThrow({ where: { identifier: FILES } });
      const role = await prisma.role.create({
        data: { id: `rol_${grantId}`, tenantId: resource.tenantId, name: grantId },
      });
      await prisma.rolePermit.create({
        data: { id: `prm_${grantId}`, roleId: role.id, resourceId: resource.id, scope: 'files:write' },
      });
      await prisma.membership.updateMany({ where: { userId: ada.id }, data: { roleId: role.id } });

      expect(scopesBeyond(await open(grantId))).toEqual(['files:write']);
    });
  });

  it('shows the form again for an empty choice, and leads to the end of the connection', async () => {
    const { grantId } = await connection(await client());
    const page = await save(grantId, []);

    expect(page.status).toBe(400);
    expect(page.html).toContain('A connection needs at least one permission. End this connection instead.');
    expect(page.html).toContain(`href="/account/connections/${grantId}/end"`);
    expect(ticked(page)).toEqual([]);
    expect(await heldBy(grantId)).toEqual(['files:read', 'files:write']);
  });

  it('changes and records nothing when the choice is what the connection holds', async () => {
    const { grantId } = await connection(await client());
    expect((await save(grantId, ['files:write', 'files:read'])).url).toBe(url('/account'));
    expect(await heldBy(grantId)).toEqual(['files:read', 'files:write']);
    expect(await recordsOf(grantId)).toEqual([]);
  });

  it('says that a connection has ended, to its owner alone', async () => {
    const clientId = await client();
    const { grantId, refreshToken } = await connection(clientId);
    const form = await open(grantId);
    await post(server, '/revoke', { token: refreshToken, client_id: clientId });

    for (const page of [await browser.submit(form, { scope: ['files:read'] }), await open(grantId)]) {
      expect(page.status).toBe(404);
      expect(page.html).toContain('This connection has ended');
    }
    const eve = createAgent();
    await signedIn(server, eve, await addPerson(server));
    expect((await open(grantId, eve)).html).not.toContain('This connection has ended');
    expect(await recordsOf(grantId)).toEqual([]);
  });

  it("S1: another person's connection does not exist here, to be seen or to be changed", async () => {
    const { grantId } = await connection(await client());
    const eve = createAgent();
    await signedIn(server, eve, await addPerson(server));
    expect((await open(grantId, eve)).status).toBe(404);

    const csrf = csrfOf(await eve.get(url('/account/security/sessions/end-others')));
    const body = new URLSearchParams({ csrf, scope: 'files:read' });
    expect((await eve.post(url(pathOf(grantId)), body)).status).toBe(404);
    expect(await heldBy(grantId)).toEqual(['files:read', 'files:write']);
  });

  it('N3: leads a user who is not signed in to the sign-in and back to the form', async () => {
    const { grantId } = await connection(await client());
    const unfollowed = createAgent({ follow: false });
    const toSignIn = url(`/sign-in?continue=${encodeURIComponent(pathOf(grantId))}`);
    expect((await open(grantId, unfollowed)).location).toBe(toSignIn);
    expect((await unfollowed.post(url(pathOf(grantId)), 'scope=files:read')).location).toBe(toSignIn);
  });

  it('M5: a form that our page did not make changes nothing', async () => {
    const { grantId } = await connection(await client());
    const csrf = csrfOf(await open(grantId));
    const forms = [
      [new URLSearchParams({ scope: 'files:read' }), {}],
      [new URLSearchParams({ scope: 'files:read', csrf: 'forged' }), {}],
      [new URLSearchParams({ scope: 'files:read', csrf }), { 'sec-fetch-site': 'cross-site' }],
    ] as const;
    for (const [body, headers] of forms) {
      expect((await browser.post(url(pathOf(grantId)), body, headers)).status).toBe(403);
    }
    expect(await heldBy(grantId)).toEqual(['files:read', 'files:write']);
  });

  it('reaches each connection of a folded line', async () => {
    const clientId = await client();
    const grants = [(await connection(clientId)).grantId, (await connection(clientId)).grantId];
    const { html } = await browser.get(url('/account'));
    expect(html).toContain('2 connections');
    for (const grantId of grants) expect(html).toContain(`href="${pathOf(grantId)}"`);
  });
});
