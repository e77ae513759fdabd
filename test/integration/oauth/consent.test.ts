import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type NewClient, removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { makeOffer } from '../../../src/oauth/authorization/interaction/offer.ts';
import { type Agent, askedScopes, createAgent, type Page, scopesBeyond } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, type RequestParams } from '../../support/authorization.ts';
import { addPerson, CALLBACK, claimsOf, type Person, pkce, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, FILES, MAIL, startTestServer, type TestServer } from '../../support/server.ts';

const WEB = 'https://app.example/cb';
const ALL = 'files:read files:write files:delete';

let server: TestServer;
let person: Person;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.stop());

/** Everybody begins with nothing remembered. */
beforeEach(async () => {
  person = await addPerson(server);
  ada = createAgent({ follow: false });
  await signedIn(server, ada, person);
});

const clientOf = async (client: Partial<NewClient> = {}) => (await addTestClient(server, client)).clientId;
const web = (trust: NonNullable<NewClient['trust']>) => clientOf({ redirectUris: [WEB], trust });

/** What the person sees, one step after the request. */
async function pageFor(clientId: string, params: RequestParams = {}): Promise<Page> {
  const { value: started } = await askFor(server, ada, clientId, params);
  return started.location?.startsWith(server.issuer) ? ada.get(started.location) : started;
}

/** Answers a page and follows to the client's redirect, by the page that says so where a browser would stay here. */
async function answer(page: Page, values: Readonly<Record<string, string | readonly string[]>>) {
  const answered = await ada.submit(page, values);
  expect(answered.status).toBe(303);
  const done = answered.location?.endsWith('/done') ? await ada.get(answered.location) : answered;
  const callback = await ada.get(done.location ?? '');
  expect(callback.status).toBe(303);
  return new URL(callback.headers.get('location') ?? '').searchParams;
}

/** The cookies that the browser would send there, for requests that are made at the same time. */
const cookiesFor = (url: string) =>
  ada
    .cookies()
    .filter(({ path }) => path === '/' || path === new URL(url).pathname)
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');

const preselected = (page: Page) =>
  page.form?.checkboxes.filter(({ checked }) => checked).map(({ value }) => value);
const offered = askedScopes;

/** Text of the page as a person reads it. */
const text = (page: Page) =>
  page.html
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

describe('the consent page', () => {
  it('MCP 31: names the client, where it leads, the server, the person, each scope and the tools behind it', async () => {
    const page = await pageFor(await clientOf({ name: 'Sales Notes' }), { scope: ALL });
    expect(page.form?.step).toBe('consent');
    const words = text(page);
    for (const part of [
      'Sales Notes',
      'Team Files',
      FILES,
      'Ada Lovelace',
      person.email,
      'http://127.0.0.1:53111',
      'Read and search your files',
      'Create and change files',
      'Delete files',
      'read_file',
      'write_file',
      'delete_file',
      'Allow access',
      'Deny',
    ]) {
      expect(words).toContain(part);
    }
    expect(offered(page)).toEqual(ALL.split(' '));
  });

  it('MCP 29, SEC-L3: shows scheme, host and port of the redirect, and the authority of a private-use one', async () => {
    for (const [uri, shown] of [
      ['https://app.example/cb', 'to https://app.example .'],
      ['https://app.example:8443/cb', 'to https://app.example:8443 .'],
      ['http://localhost:3118/callback', 'to http://localhost:3118 .'],
      ['http://[::1]:3118/callback', 'to http://[::1]:3118 .'],
      ['cursor://anysphere.cursor-mcp/oauth/callback', 'by a cursor://anysphere.cursor-mcp link.'],
      ['com.example.app:/cb', 'by a com.example.app: link.'],
      ['https://xn--e1awd7f.example/cb', 'to https://xn--e1awd7f.example .'],
    ] as const) {
      const page = await pageFor(await clientOf({ redirectUris: [uri] }), { redirect_uri: uri });
      expect(text(page), uri).toContain(`You will go back ${shown}`);
    }
  });

  it('MCP 30, B10: warns that another program here could take the place of the client', async () => {
    const loopback = await pageFor(await clientOf({ name: 'Some App' }));
    expect(text(loopback)).toMatch(/Another program on this computer could pretend to be Some App/);
    const uri = 'com.example.app:/cb';
    const scheme = await pageFor(await clientOf({ redirectUris: [uri] }), { redirect_uri: uri });
    expect(text(scheme)).toMatch(/Another program on this device could open them too and pretend/);
    const site = await pageFor(await web('known'), { redirect_uri: WEB });
    expect(text(site)).not.toMatch(/could pretend/);
  });

  it('preselects nothing that reaches further than reading for a known client', async () => {
    expect(preselected(await pageFor(await clientOf(), { scope: ALL }))).toEqual(['files:read']);
  });

  it('preselects nothing of a server that says nothing of its tools, but what is named for reading', async () => {
    const identifier = 'https://bare.example/mcp';
    await addResource(
      server.database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier,
        name: 'Bare',
        scopes: ['notes:read', 'notes', 'read_write', 'notes:write', 'tread', 'list_notes'].map((scope) => ({
          scope,
          description: `May ${scope}`,
          destructive: false,
        })),
      },
      cause,
    );
    const page = await pageFor(await clientOf(), { resource: identifier });
    expect(offered(page)).toHaveLength(6);
    expect(preselected(page)).toEqual(['notes:read', 'list_notes']);
  });

  it('warns about a client that nobody vetted, and offers it nothing destructive', async () => {
    const page = await pageFor(await clientOf({ trust: 'untrusted', name: 'Stranger' }), { scope: ALL });
    expect(text(page)).toContain('This program is not verified');
    expect(text(page)).toContain('not verified');
    expect(offered(page)).toEqual(['files:read', 'files:write']);
    expect(scopesBeyond(page)).toEqual([]);
    expect(text(await pageFor(await clientOf()))).not.toContain('This program is not verified');
  });

  it('an untrusted client that asks for what is destructive alone is denied, with the reason on record', async () => {
    const clientId = await clientOf({ trust: 'untrusted' });
    const { value: started } = await askFor(server, ada, clientId, { scope: 'files:delete' });
    const {
      value: page,
      records,
      codes,
    } = await observe(server, async () => {
      const step = await ada.get(started.location ?? '');
      return ada.get(step.location ?? '');
    });
    const params = new URL(page.location ?? '').searchParams;
    expect([params.get('error'), params.get('state'), params.get('iss')]).toEqual([
      'access_denied',
      'state-1',
      server.issuer,
    ]);
    expect(records).toEqual([
      expect.objectContaining({
        event: 'authorization.denied',
        outcome: 'refused',
        reason: 'above_client_trust',
        client: clientId,
        subject: person.id,
      }),
    ]);
    expect(codes).toBe(0);
  });

  it('M1, D7: cannot be framed, sends no referrer, loads nothing of others and is kept by no cache', async () => {
    const page = await pageFor(await clientOf());
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toContain('no-store');
    const addresses = [...page.html.matchAll(/\s(?:src|href|action|poster|data)="([^"]*)"/g)].map(
      ([, url]) => url ?? '',
    );
    for (const url of addresses) expect(new URL(url, server.issuer).origin).toBe(server.issuer);
    expect(page.html).not.toMatch(/<script(?![^>]*\ssrc=)/);
  });

  it('MCP 32: has no form-action, which would block the way back', async () => {
    const page = await pageFor(await clientOf());
    expect(page.headers.get('content-security-policy')).not.toContain('form-action');
  });

  it.each(['error page', 'answered page'])('M1: the %s cannot be framed either', async (which) => {
    const page =
      which === 'error page'
        ? await ada.get(`${server.issuer}/authorize`)
        : await ada.get(`${server.issuer}/interaction/nothing`);
    expect(page.status).toBe(400);
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('M6, MCP 31: the cookies of the way are HttpOnly, SameSite=Lax, signed and bound to their path', async () => {
    const { value: started } = await askFor(server, ada, await clientOf());
    const uid = started.location?.split('/').at(-1);
    const cookies = started.headers.getSetCookie();
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/;\s*httponly/i);
      expect(cookie).toMatch(/;\s*samesite=lax/i);
      expect(cookie).toMatch(new RegExp(`;\\s*path=/(?:interaction|authorize)/${uid}(?:;|$)`, 'i'));
    }
    expect(cookies.some((cookie) => cookie.includes('.sig='))).toBe(true);
  });

  it('M6: a tampered cookie of the way opens nothing', async () => {
    const { value: started } = await askFor(server, ada, await clientOf());
    const eve = createAgent({ follow: false });
    await signedIn(server, eve, await addPerson(server));
    const path = new URL(started.location ?? '').pathname;
    const uid = path.split('/').at(-1) ?? '';
    for (const signature of [undefined, 'AAAAAAAAAAAAAAAAAAAAAAAAAAA', '']) {
      eve.setCookie({ name: 'gatehouse_interaction', value: uid, path });
      if (signature !== undefined)
        eve.setCookie({ name: 'gatehouse_interaction.sig', value: signature, path });
      expect((await eve.get(started.location ?? '')).status).toBe(400);
    }
  });
});

describe('the answer', () => {
  it('MCP 26: a part of what was asked can be allowed, and nothing else is granted', async () => {
    const clientId = await clientOf();
    const { verifier, challenge } = pkce();
    const page = await pageFor(clientId, { scope: ALL, code_challenge: challenge });
    const { value: params, records } = await observe(server, () =>
      answer(page, { decision: 'allow', scope: ['files:write'] }),
    );
    expect(
      records.map(({ event, outcome, scopes, subject, client, resource }) => ({
        event,
        outcome,
        scopes,
        subject,
        client,
        resource,
      })),
    ).toEqual(
      ['consent.granted', 'grant.issued'].map((event) => ({
        event,
        outcome: 'success',
        scopes: ['files:write'],
        subject: person.id,
        client: clientId,
        resource: FILES,
      })),
    );
    const { body } = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: params.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: CALLBACK,
    });
    expect(body.scope).toBe('files:write');
    expect(claimsOf(body.access_token)['scope']).toBe('files:write');
  });

  it.each([
    ['deny is pressed', { decision: 'deny' }, 'denied_by_user'],
    [
      'deny is pressed with everything checked',
      { decision: 'deny', scope: ALL.split(' ') },
      'denied_by_user',
    ],
  ] as const)(
    'MCP 22: access_denied with state and iss, and one record, when %s',
    async (_what, values, reason) => {
      const clientId = await clientOf();
      const page = await pageFor(clientId, { scope: ALL });
      const { value: params, records, grants, codes } = await observe(server, () => answer(page, values));
      expect(params.getAll('error')).toEqual(['access_denied']);
      expect(params.getAll('state')).toEqual(['state-1']);
      expect(params.getAll('iss')).toEqual([server.issuer]);
      expect(records).toEqual([
        expect.objectContaining({
          event: 'consent.denied',
          outcome: 'refused',
          reason,
          client: clientId,
          subject: person.id,
        }),
      ]);
      expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
    },
  );

  it.each([
    ['a scope that the client may not have', { scope: ['files:read', 'files:delete'] }],
    ['only a scope that the client may not have', { scope: ['files:delete'] }],
    ['a scope of another server', { scope: ['files:read', 'mail:read'] }],
    ['a sign-in scope', { scope: ['files:read', 'openid'] }],
    ['a prototype word', { scope: ['files:read', '__proto__'] }],
  ])('M2: a form with %s is refused and grants nothing', async (_what, values) => {
    const client = await clientOf({ trust: 'untrusted' });
    const page = await pageFor(client, { scope: 'files:read files:write' });
    const {
      value: refused,
      records,
      grants,
    } = await observe(server, () => ada.submit(page, { decision: 'allow', ...values }));
    expect(refused.status).toBe(400);
    expect(records).toEqual([
      expect.objectContaining({ event: 'consent.rejected', outcome: 'refused', reason: 'scope_not_offered' }),
    ]);
    expect(grants).toBe(0);
  });

  it('M2: client, resource, redirect, person and state in the form change nothing', async () => {
    const clientId = await clientOf();
    const other = await clientOf({ redirectUris: ['https://evil.example/cb'] });
    const page = await pageFor(clientId, { scope: 'files:read' });
    const answered = await ada.submit(page, {
      decision: 'allow',
      scope: 'files:read',
      client_id: other,
      resource: MAIL,
      redirect_uri: 'https://evil.example/cb',
      user: 'usr_evil',
      accountId: 'usr_evil',
      state: 'evil',
      __proto__: 'evil',
    });
    const { value: callback, records } = await observe(server, () => ada.get(answered.location ?? ''));
    expect(callback.location).toMatch(/^http:\/\/127\.0\.0\.1:53111\/callback\?/);
    expect(new URL(callback.location ?? '').searchParams.get('state')).toBe('state-1');
    expect(records).toEqual([
      expect.objectContaining({
        event: 'grant.issued',
        client: clientId,
        resource: FILES,
        subject: person.id,
      }),
    ]);
  });

  it.each([
    ['no token', ''],
    ['a token of nobody', 'A'.repeat(43)],
  ])('M2: a form with %s is forged', async (_what, csrf) => {
    const page = await pageFor(await clientOf());
    const {
      value: refused,
      records,
      grants,
    } = await observe(server, () => ada.submit(page, { csrf, decision: 'allow', scope: 'files:read' }));
    expect(refused.status).toBe(403);
    expect(records).toEqual([
      expect.objectContaining({ event: 'consent.rejected', outcome: 'refused', reason: 'form_token' }),
    ]);
    expect(grants).toBe(0);
  });

  it('M2: the token of another browser, and a form sent from another site, are forged', async () => {
    const clientId = await clientOf();
    const page = await pageFor(clientId);
    const csrf = page.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
    const eve = createAgent({ follow: false });
    await signedIn(server, eve, await addPerson(server));
    const hers = (await askFor(server, eve, clientId)).value;
    await eve.get(hers.location ?? '');
    const body = new URLSearchParams({ csrf, decision: 'allow', scope: 'files:read' });
    expect((await eve.post(hers.location ?? '', body)).status).toBe(403);
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ]) {
      const { value: refused, grants } = await observe(server, () => ada.post(page.url, body, headers));
      expect(refused.status).toBe(403);
      expect(grants).toBe(0);
    }
  });

  it('M2: somebody else cannot answer what was asked of another browser', async () => {
    const { value: started } = await askFor(server, ada, await clientOf());
    const eve = createAgent({ follow: false });
    await signedIn(server, eve, await addPerson(server));
    const { value: page, records } = await observe(server, () => eve.get(started.location ?? ''));
    expect(page.status).toBe(400);
    expect(records).toEqual([
      expect.objectContaining({ event: 'authorization.rejected', reason: 'interaction_ended' }),
    ]);
  });

  it('M2: without a session nothing is allowed, whatever the form says', async () => {
    const page = await pageFor(await clientOf());
    await server.installation.sessions.endAllOf(server.database.prisma, person.id, 'ended_by_user', cause);
    const {
      value: refused,
      records,
      grants,
    } = await observe(server, () => ada.submit(page, { decision: 'allow', scope: 'files:read' }));
    expect(refused.status).toBe(403);
    expect(records).toEqual([
      expect.objectContaining({ event: 'consent.rejected', outcome: 'refused', reason: 'not_signed_in' }),
    ]);
    expect(grants).toBe(0);
  });
});

/** Answers a page with values that do not end the interaction, and returns the page that is shown again. */
async function again(
  page: Page,
  values: Readonly<Record<string, string | readonly string[]>>,
): Promise<Page> {
  const { value: shown, records, grants, codes } = await observe(server, () => ada.submit(page, values));
  expect([shown.status, shown.form?.step, shown.location]).toEqual([400, 'consent', undefined]);
  expect({ records, grants, codes }).toEqual({ records: [], grants: 0, codes: 0 });
  return shown;
}

/** Walks through the page and redeems the code; returns what the token response says was granted. */
async function grantedBy(
  clientId: string,
  params: RequestParams,
  ticked: (page: Page) => readonly string[],
): Promise<unknown> {
  const { verifier, challenge } = pkce();
  const page = await pageFor(clientId, { ...params, code_challenge: challenge });
  const callback = await answer(page, { decision: 'allow', scope: ticked(page) });
  const { body } = await post(server, '/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: callback.get('code') ?? '',
    code_verifier: verifier,
    redirect_uri: String(params['redirect_uri'] ?? CALLBACK),
  });
  return body.scope;
}

describe('an answer that is none', () => {
  it('SEC-M10: the consent page comes again with a sentence when "Allow" is pressed and nothing is ticked', async () => {
    const clientId = await clientOf({ trust: 'untrusted', name: 'Field Notes' });
    const page = await pageFor(clientId, { scope: 'files:read files:write' });
    expect(preselected(page)).toEqual([]);
    const shown = await again(page, { decision: 'allow' });
    expect(text(shown)).toContain('Nothing is ticked. Tick what Field Notes may do, or press “Deny”.');
    await again(shown, { decision: 'allow' });
    expect((await answer(shown, { decision: 'allow', scope: ['files:read'] })).get('code')).toBeTruthy();
  });

  it.each([
    ['no button', {}],
    ['a button that does not exist', { decision: 'Allow' }],
    ['both buttons', { decision: ['allow', 'deny'] }],
  ])('MCP 22: only "Deny" denies; with %s the page comes again as it was ticked', async (_what, values) => {
    const page = await pageFor(await clientOf(), { scope: ALL });
    const shown = await again(page, { ...values, scope: ['files:write'] });
    expect(preselected(shown)).toEqual(['files:write']);
    expect((await answer(shown, { decision: 'deny' })).get('error')).toBe('access_denied');
  });

  it.each(['untrusted', 'known', 'trusted'] as const)(
    'SEC-M10: the consent page ticks nothing for an untrusted client, and what only reads for others (%s)',
    async (trust) => {
      for (const scope of ['files:read', ALL]) {
        const page = await pageFor(await clientOf({ trust }), { scope });
        expect(preselected(page)).toEqual(trust === 'untrusted' ? [] : ['files:read']);
      }
    },
  );
});

describe('offered beyond what was asked', () => {
  it('CLI-1: the consent page lists, unticked, what else the client may have, and grants what is ticked', async () => {
    const clientId = await clientOf();
    const page = await pageFor(clientId, { scope: 'files:read' });
    expect(text(page)).toMatch(/You can also allow Create and change files .*Delete files/);
    expect([askedScopes(page), scopesBeyond(page)]).toEqual([
      ['files:read'],
      ['files:write', 'files:delete'],
    ]);
    expect(preselected(page)).toEqual(['files:read']);
    expect(await grantedBy(clientId, { scope: 'files:read' }, () => ['files:read', 'files:write'])).toBe(
      'files:read files:write',
    );
    expect(await grantedBy(clientId, { scope: 'files:read' }, () => ['files:write'])).toBe('files:write');
  });

  it('CLI-1: consent records what the person added to the request', async () => {
    const page = await pageFor(await clientOf(), { scope: 'files:read' });
    const { records } = await observe(server, () =>
      answer(page, { decision: 'allow', scope: ['files:read', 'files:write'] }),
    );
    expect(records[0]).toMatchObject({ event: 'consent.granted', detail: { added: ['files:write'] } });
  });

  it('CLI-1, SEC-H2: an untrusted client is offered and granted nothing destructive beyond what it asked', async () => {
    const clientId = await clientOf({ trust: 'untrusted' });
    const page = await pageFor(clientId, { scope: 'files:read' });
    expect(scopesBeyond(page)).toEqual(['files:write']);
    const { value: refused, records } = await observe(server, () =>
      ada.submit(page, { decision: 'allow', scope: ['files:read', 'files:delete'] }),
    );
    expect(refused.status).toBe(400);
    expect(records).toEqual([expect.objectContaining({ reason: 'scope_not_offered' })]);
  });

  it('CLI-1: a role that is lost between page and code narrows what was added', async () => {
    const clientId = await clientOf();
    const page = await pageFor(clientId, { scope: 'files:read' });
    const answered = await ada.submit(page, { decision: 'allow', scope: ['files:read', 'files:write'] });
    const { prisma } = server.database;
    const files = await prisma.resource.findUniqueOrThrow({ where: { identifier: FILES } });
    await prisma.role.create({
      data: {
        id: `rol_n${person.id}`,
        tenantId: 'ten_default',
        name: `narrow-${person.id}`,
        permits: { create: { id: `prm_n${person.id}`, scope: 'files:read', resourceId: files.id } },
        memberships: { create: { tenantId: 'ten_default', userId: person.id } },
      },
    });
    await prisma.membership.deleteMany({
      where: { userId: person.id, roleId: { not: `rol_n${person.id}` } },
    });
    const { records } = await observe(server, () => ada.get(answered.location ?? ''));
    expect(records.find(({ event }) => event === 'grant.issued')?.scopes).toEqual(['files:read']);
  });

  it('CLI-1: what a person added is remembered, ticked on the next page, and never granted without one', async () => {
    const clientId = await web('trusted');
    const params = { redirect_uri: WEB, scope: 'files:read' };
    await grantedBy(clientId, params, () => ['files:read', 'files:write']);
    const page = await pageFor(clientId, { ...params, prompt: 'consent' });
    expect(preselected(page)).toEqual(['files:read', 'files:write']);
    const { records } = await observe(server, () => pageFor(clientId, { ...params, prompt: 'none' }));
    expect(records.map(({ event, scopes }) => ({ event, scopes }))).toEqual([
      { event: 'grant.issued', scopes: ['files:read'] },
    ]);
  });

  it('CLI-1: the page with one click leads to the page with every choice, and forgets none by itself', async () => {
    const clientId = await clientOf({ trust: 'trusted' });
    await grantedBy(clientId, { scope: 'files:read' }, () => ['files:read', 'files:write']);
    const click = await pageFor(clientId, { scope: 'files:read' });
    expect(click.form?.step).toBe('continue');
    const choose = await ada.get(`${click.url}?choose`);
    expect([choose.form?.step, preselected(choose)]).toEqual(['consent', ['files:read', 'files:write']]);
    await answer(click, { decision: 'allow' });
    expect((await pageFor(clientId, { scope: 'files:read files:write' })).form?.step).toBe('continue');
  });
});

describe('a step-up', () => {
  const WIDER = { scope: 'files:read files:write' };

  it('CLI-3, NEW-10: shows the newly asked scope first and ticked, above what a known client has already', async () => {
    const clientId = await clientOf();
    await grantedBy(clientId, { scope: 'files:read' }, askedScopes);
    const page = await pageFor(clientId, WIDER);
    expect(text(page)).toMatch(
      /It now also asks to Create and change files .*It can already, and keeps what is ticked Read and search/,
    );
    expect(preselected(page)).toEqual(['files:write', 'files:read']);
    expect(await grantedBy(clientId, WIDER, (shown) => preselected(shown) ?? [])).toBe(
      'files:read files:write',
    );
  });

  it('CLI-3: leaves unticked what is destructive, and everything of an untrusted client', async () => {
    const known = await clientOf();
    await grantedBy(known, { scope: 'files:read' }, askedScopes);
    expect(preselected(await pageFor(known, { scope: ALL }))).toEqual(['files:write', 'files:read']);
    const untrusted = await clientOf({ trust: 'untrusted' });
    await grantedBy(untrusted, { scope: 'files:read' }, askedScopes);
    const page = await pageFor(untrusted, WIDER);
    expect(text(page)).toMatch(/It now also asks to Create and change files/);
    expect(preselected(page)).toEqual([]);
  });

  it('CLI-3: allowing without the newly asked scope shows the page again with one sentence, once', async () => {
    const clientId = await clientOf({ name: 'Field Notes' });
    await grantedBy(clientId, { scope: 'files:read' }, askedScopes);
    const page = await pageFor(clientId, WIDER);
    const shown = await again(page, { decision: 'allow', scope: ['files:read'] });
    expect(text(shown)).toContain('Field Notes asked for more just now, and will ask again without it.');
    expect(preselected(shown)).toEqual(['files:read']);
    const { records } = await observe(server, () => answer(shown, { decision: 'allow' }));
    expect(records.find(({ event }) => event === 'grant.issued')?.scopes).toEqual(['files:read']);
  });

  it('NEW-10: is none when the connection has ended', async () => {
    const clientId = await clientOf();
    await grantedBy(clientId, { scope: 'files:read' }, askedScopes);
    await server.database.prisma.grant.updateMany({ where: { clientId }, data: { expiresAt: new Date() } });
    const page = await pageFor(clientId, WIDER);
    expect(text(page)).not.toContain('It now also asks');
    expect(preselected(page)).toEqual(['files:read']);
  });
});

describe('once is enough', () => {
  it('M3: a consent that is submitted twice makes one grant and one record', async () => {
    const page = await pageFor(await clientOf());
    const { records, grants, codes } = await observe(server, async () => {
      const first = await ada.submit(page, { decision: 'allow', scope: 'files:read' });
      const second = await ada.submit(page, { decision: 'allow', scope: 'files:read' });
      expect(second.location).toBe(first.location);
      const back = await ada.get(first.location ?? '');
      expect(back.location).toContain('code=');
      expect((await ada.get(second.location ?? '')).status).toBe(400);
    });
    expect({ grants, codes }).toEqual({ grants: 1, codes: 1 });
    expect(records.map(({ event }) => event)).toEqual([
      'consent.granted',
      'grant.issued',
      'authorization.rejected',
    ]);
  });

  it('M3: ten at once make one grant', async () => {
    const page = await pageFor(await clientOf());
    const {
      grants,
      codes,
      value: statuses,
    } = await observe(server, async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => ada.submit(page, { decision: 'allow', scope: 'files:read' })),
      );
      const resume = answers[0]?.location ?? '';
      const cookie = cookiesFor(resume);
      const backs = await Promise.all(
        Array.from({ length: 10 }, () => fetch(resume, { redirect: 'manual', headers: { cookie } })),
      );
      return backs.map(({ status }) => status).sort();
    });
    expect({ grants, codes }).toEqual({ grants: 1, codes: 1 });
    expect(statuses).toEqual([303, ...Array.from({ length: 9 }, () => 400)]);
  });

  it('M3: forms that race with the way back never bring an answered interaction back to life', async () => {
    for (let round = 0; round < 5; round += 1) {
      const page = await pageFor(await clientOf());
      const { grants } = await observe(server, async () => {
        const first = await ada.submit(page, { decision: 'allow', scope: 'files:read' });
        const cookie = cookiesFor(first.location ?? '');
        const resume = () => fetch(first.location ?? '', { redirect: 'manual', headers: { cookie } });
        await Promise.all([
          ...Array.from({ length: 4 }, () => ada.submit(page, { decision: 'allow', scope: 'files:read' })),
          resume(),
        ]);
        await Promise.all([resume(), resume()]);
      });
      expect(grants).toBe(1);
    }
  });

  it('M3: a denial after an allowance that was not yet taken along counts', async () => {
    const page = await pageFor(await clientOf());
    await ada.submit(page, { decision: 'allow', scope: 'files:read' });
    const { value: params, grants } = await observe(server, () => answer(page, { decision: 'deny' }));
    expect(params.get('error')).toBe('access_denied');
    expect(grants).toBe(0);
  });

  it('M11: a finished interaction cannot be opened, answered or resumed again', async () => {
    const page = await pageFor(await clientOf());
    const answered = await ada.submit(page, { decision: 'allow', scope: 'files:read' });
    await ada.get(answered.location ?? '');
    for (const again of [
      () => ada.get(page.url),
      () => ada.submit(page, { decision: 'allow', scope: 'files:read' }),
      () => ada.get(answered.location ?? ''),
    ]) {
      const { value: refused, records, grants } = await observe(server, again);
      expect(refused.status).toBe(400);
      expect(refused.headers.get('location')).toBeNull();
      expect(records).toEqual([
        expect.objectContaining({
          event: 'authorization.rejected',
          outcome: 'refused',
          reason: 'interaction_ended',
        }),
      ]);
      expect(grants).toBe(0);
    }
  });

  it('M11: an interaction that took too long cannot be answered', async () => {
    const page = await pageFor(await clientOf());
    await server.database.pool.query("UPDATE interactions SET expires_at = now() - interval '1 second'");
    const { value: refused, grants } = await observe(server, () =>
      ada.submit(page, { decision: 'allow', scope: 'files:read' }),
    );
    expect(refused.status).toBe(400);
    expect(grants).toBe(0);
  });

  it('the way back leads nowhere before anything was answered', async () => {
    const { value: started } = await askFor(server, ada, await clientOf());
    const uid = started.location?.split('/').at(-1);
    const { value: back, grants } = await observe(server, () => ada.get(`${server.issuer}/authorize/${uid}`));
    expect(back.location).toMatch(/\/interaction\//);
    expect(grants).toBe(0);
  });
});

describe('a session that changes between the answer and the way back', () => {
  async function answered(): Promise<string> {
    const page = await pageFor(await clientOf());
    return (await ada.submit(page, { decision: 'allow', scope: 'files:read' })).location ?? '';
  }

  it('M4: a sign-out takes the consent along', async () => {
    const resume = await answered();
    await server.installation.sessions.endAllOf(server.database.prisma, person.id, 'signed_out', cause);
    const { value: back, grants } = await observe(server, () => ada.get(resume));
    expect(grants).toBe(0);
    expect(back.location).toMatch(/\/interaction\//);
    expect((await ada.get(back.location ?? '')).location).toMatch(/\/sign-in\?continue=/);
  });

  it('M2: somebody else who is signed in by then is asked themselves', async () => {
    const resume = await answered();
    const eve = await addPerson(server);
    await signedIn(server, ada, eve);
    const { value: back, grants } = await observe(server, () => ada.get(resume));
    expect(grants).toBe(0);
    const page = await ada.get(back.location ?? '');
    expect(page.form?.step).toBe('consent');
    expect(text(page)).toContain(eve.email);
  });

  it('a person who is disabled by then gets no code', async () => {
    const resume = await answered();
    await server.database.prisma.user.update({ where: { id: person.id }, data: { disabledAt: new Date() } });
    const { grants, codes } = await observe(server, () => ada.get(resume));
    expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
  });
});

describe('remembered consent', () => {
  const allowAll = async (clientId: string, params: RequestParams = {}) => {
    const page = await pageFor(clientId, params);
    return answer(page, { decision: 'allow', scope: offered(page) ?? [] });
  };

  it('untrusted: nothing is remembered, and the page comes every time as if it were the first', async () => {
    const clientId = await web('untrusted');
    const params = { redirect_uri: WEB, scope: 'files:read files:write' };
    await allowAll(clientId, params);
    const again = await pageFor(clientId, params);
    expect(again.form?.step).toBe('consent');
    expect(preselected(again)).toEqual([]);
    const silent = await pageFor(clientId, { ...params, prompt: 'none' });
    expect(silent.location).toBeUndefined();
    expect(silent.html).toContain('consent_required');
  });

  it('known: the page comes every time, with what was allowed before preselected and the rest marked new', async () => {
    const clientId = await web('known');
    const params = { redirect_uri: WEB };
    await allowAll(clientId, { ...params, scope: 'files:read files:write' });
    const again = await pageFor(clientId, { ...params, scope: ALL });
    expect(again.form?.step).toBe('consent');
    expect(preselected(again)).toEqual(expect.arrayContaining(['files:read', 'files:write']));
    expect(preselected(again)).toHaveLength(2);
    expect(text(again)).toMatch(/Delete files new/);
    expect(text(again)).not.toContain('You have allowed before');
    const silent = await pageFor(clientId, { ...params, scope: 'files:read', prompt: 'none' });
    expect(silent.location).toContain('error=consent_required');
  });

  it('known: what is destructive is confirmed each time anew', async () => {
    const clientId = await clientOf();
    await allowAll(clientId, { scope: ALL });
    expect(preselected(await pageFor(clientId, { scope: ALL }))).not.toContain('files:delete');
  });

  it('trusted at an https redirect: nothing is asked again, and prompt=none works', async () => {
    const clientId = await web('trusted');
    const params = { redirect_uri: WEB, scope: ALL };
    await allowAll(clientId, params);
    for (const prompt of [undefined, 'none']) {
      const {
        value: page,
        records,
        grants,
      } = await observe(server, () => pageFor(clientId, { ...params, prompt }));
      const { searchParams } = new URL(page.location ?? '');
      expect(searchParams.get('code')).toMatch(/^[\w-]{43}$/);
      expect(searchParams.getAll('iss')).toEqual([server.issuer]);
      expect(records.map(({ event, scopes }) => ({ event, scopes }))).toEqual([
        { event: 'grant.issued', scopes: ALL.split(' ') },
      ]);
      expect(grants).toBe(1);
    }
  });

  it('MCP 21: a trusted client that was never allowed is asked about', async () => {
    const clientId = await web('trusted');
    expect((await pageFor(clientId, { redirect_uri: WEB })).form?.step).toBe('consent');
    const silent = await pageFor(clientId, { redirect_uri: WEB, prompt: 'none' });
    expect(silent.location).toContain('error=consent_required');
  });

  it('trusted: prompt=consent shows the whole page', async () => {
    const clientId = await web('trusted');
    await allowAll(clientId, { redirect_uri: WEB });
    expect((await pageFor(clientId, { redirect_uri: WEB, prompt: 'consent' })).form?.step).toBe('consent');
    const loopback = await clientOf({ trust: 'trusted' });
    await allowAll(loopback);
    expect((await pageFor(loopback, { prompt: 'consent' })).form?.step).toBe('consent');
  });

  it.each([
    ['loopback', CALLBACK],
    ['a private-use scheme', 'cursor://anysphere.cursor-mcp/oauth/callback'],
  ])('MCP 21: trusted at %s: one click to continue, and prompt=none does not pass', async (_what, uri) => {
    for (const trust of ['trusted', 'first_party'] as const) {
      const clientId = await clientOf({ redirectUris: [uri], trust });
      const params = { redirect_uri: uri, scope: 'files:read files:write' };
      await allowAll(clientId, params);
      const silent = await pageFor(clientId, { ...params, prompt: 'none' });
      expect(silent.location).toContain('error=consent_required');
      const page = await pageFor(clientId, params);
      expect(page.form?.step).toBe('continue');
      expect(text(page)).toContain('Continue as Ada Lovelace');
      const { value: back, grants } = await observe(server, () => answer(page, { decision: 'allow' }));
      expect(back.get('code')).toMatch(/^[\w-]{43}$/);
      expect(grants).toBe(1);
    }
  });

  it('M2: the one click is protected against forgery', async () => {
    const clientId = await clientOf({ trust: 'trusted' });
    await allowAll(clientId);
    const page = await pageFor(clientId);
    expect(page.form?.step).toBe('continue');
    expect((await ada.submit(page, { csrf: '', decision: 'allow' })).status).toBe(403);
    expect((await answer(page, { decision: 'deny' })).get('error')).toBe('access_denied');
  });

  it('M3: what is ticked on an older page is what is granted, even if more was allowed meanwhile', async () => {
    const clientId = await clientOf({ trust: 'trusted' });
    const older = await pageFor(clientId, { scope: 'files:read files:write' });
    await allowAll(clientId, { scope: 'files:read files:write' });
    const { records } = await observe(server, () =>
      answer(older, { decision: 'allow', scope: ['files:read'] }),
    );
    const issued = records.filter(({ event }) => event === 'grant.issued');
    expect(issued.map(({ scopes }) => scopes)).toEqual([['files:read']]);
  });

  it('loopback: the port is not part of what is remembered, the host and the path are', async () => {
    const clientId = await clientOf({
      trust: 'trusted',
      redirectUris: ['http://127.0.0.1/callback', 'http://localhost/callback', 'http://127.0.0.1/other'],
    });
    await allowAll(clientId);
    const step = async (uri: string) => (await pageFor(clientId, { redirect_uri: uri })).form?.step;
    expect(await step('http://127.0.0.1:1024/callback')).toBe('continue');
    expect(await step('http://localhost:1024/callback')).toBe('consent');
    expect(await step('http://127.0.0.1:1024/other')).toBe('consent');
  });

  it('M7, MCP 27: a wider scope, another server, another redirect, another person: each is asked', async () => {
    const clientId = (
      await addTestClient(server, { redirectUris: [WEB, 'https://app.example/other'], trust: 'trusted' })
    ).clientId;
    await allowAll(clientId, { redirect_uri: WEB, scope: 'files:read' });
    const stepOf = async (params: RequestParams) => (await pageFor(clientId, params)).form?.step;

    expect(await stepOf({ redirect_uri: WEB, scope: 'files:read' })).toBeUndefined();
    const wider = await pageFor(clientId, { redirect_uri: WEB, scope: 'files:read files:write' });
    expect(wider.form?.step).toBe('consent');
    expect(text(wider)).toMatch(/Create and change files new/);
    expect(preselected(wider)).toEqual(['files:read']);
    expect(await stepOf({ redirect_uri: WEB, resource: MAIL, scope: 'files:read' })).toBe('consent');
    expect(await stepOf({ redirect_uri: 'https://app.example/other', scope: 'files:read' })).toBe('consent');
    expect(
      (await pageFor(clientId, { redirect_uri: WEB, scope: 'files:write', prompt: 'none' })).location,
    ).toContain('error=consent_required');

    await signedIn(server, ada, await addPerson(server));
    expect(await stepOf({ redirect_uri: WEB, scope: 'files:read' })).toBe('consent');
  });

  it('M7: a scope that was unticked later is not remembered any more', async () => {
    const clientId = await web('trusted');
    const params = { redirect_uri: WEB, scope: 'files:read files:write' };
    await allowAll(clientId, params);
    const page = await pageFor(clientId, { ...params, prompt: 'consent' });
    await answer(page, { decision: 'allow', scope: ['files:read'] });
    expect((await pageFor(clientId, params)).form?.step).toBe('consent');
  });

  it('M7: a request for less does not make what it left out forgotten', async () => {
    const clientId = await web('trusted');
    const wide = { redirect_uri: WEB, scope: 'files:read files:write' };
    await allowAll(clientId, wide);
    const less = await pageFor(clientId, { redirect_uri: WEB, scope: 'files:read', prompt: 'consent' });
    expect(preselected(less)).toEqual(['files:read', 'files:write']);
    await answer(less, { decision: 'allow' });
    expect((await pageFor(clientId, wide)).location).toContain('code=');
  });

  it('a client that is trusted no more is asked about again', async () => {
    const clientId = await web('trusted');
    await allowAll(clientId, { redirect_uri: WEB });
    await server.database.prisma.client.update({ where: { id: clientId }, data: { trust: 'known' } });
    expect((await pageFor(clientId, { redirect_uri: WEB })).form?.step).toBe('consent');
  });

  it('first-party at an https redirect: nothing is asked; on loopback the page comes first', async () => {
    const clientId = await web('first_party');
    const page = await pageFor(clientId, { redirect_uri: WEB, scope: ALL, prompt: 'none' });
    expect(page.location).toContain('code=');
    expect((await pageFor(await clientOf({ trust: 'first_party' }))).form?.step).toBe('consent');
  });

  it('MCP 27: step-up by union grants all of it in one new grant, and the old one lives on', async () => {
    const clientId = await clientOf();
    await allowAll(clientId, { scope: 'files:read' });
    const { records, grants } = await observe(server, async () => {
      const page = await pageFor(clientId, { scope: 'files:read files:write' });
      expect(preselected(page)).toEqual(['files:read']);
      await answer(page, { decision: 'allow', scope: ['files:read', 'files:write'] });
    });
    expect(grants).toBe(1);
    expect(records.find(({ event }) => event === 'grant.issued')?.scopes).toEqual([
      'files:read',
      'files:write',
    ]);
    expect(records.filter(({ event }) => event === 'grant.revoked')).toEqual([]);
  });

  it('what a role lost is neither offered nor granted silently', async () => {
    const clientId = await web('trusted');
    const params = { redirect_uri: WEB, scope: ALL };
    await allowAll(clientId, params);
    const { prisma } = server.database;
    const files = await prisma.resource.findUniqueOrThrow({ where: { identifier: FILES } });
    const role = await prisma.role.create({
      data: {
        id: `rol_${person.id}`,
        tenantId: 'ten_default',
        name: `reader-${person.id}`,
        permits: { create: { id: `prm_${person.id}`, scope: 'files:read', resourceId: files.id } },
      },
    });
    await prisma.membership.deleteMany({ where: { userId: person.id } });
    await prisma.membership.create({
      data: { tenantId: 'ten_default', userId: person.id, roleId: role.id },
    });
    const { value: page, records } = await observe(server, () => pageFor(clientId, params));
    expect(page.location).toContain('code=');
    expect(records[0]?.scopes).toEqual(['files:read']);
    expect(offered(await pageFor(clientId, { ...params, prompt: 'consent' }))).toEqual(['files:read']);

    const { value: started } = await askFor(server, ada, clientId, {
      redirect_uri: WEB,
      scope: 'files:delete',
    });
    const denied = await observe(server, async () => {
      const step = await ada.get(started.location ?? '');
      return ada.get(step.location ?? '');
    });
    expect(denied.value.location).toContain('error=access_denied');
    expect(denied.records).toEqual([
      expect.objectContaining({ event: 'authorization.denied', reason: 'not_permitted_by_role' }),
    ]);
  });
});

describe('names that would be more than names', () => {
  const CORPUS = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    '{{ 7 | times: 7 }}{% raw %}',
    '<b>Claude</b></h1><form action="https://evil.example">',
    '&lt;script&gt;&#x3c;',
    'Claude\u202e edoC\u202c',
    'Cla\u200bude\u2066\u2069\ufeff',
    '\u0000\u001b[31mred',
    'javascript:alert(1)',
    '<svg/onload=alert(1)>',
    '--><!--<',
  ];

  const inert = (page: Page) => {
    expect(page.status).toBe(200);
    expect(page.html).not.toMatch(/<script(?![^>]*\ssrc="\/)/i);
    expect(page.html).not.toMatch(/<(?:img(?![^>]*\ssrc="\/)|b>|svg\/)/i);
    expect(page.html).not.toMatch(/\son\w+\s*=\s*["']?alert(?![^<]*>?[^<]*&gt;)/);
    expect(page.html).not.toMatch(/action="https:/);
    expect(page.html).not.toContain('x49');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(page.html).not.toMatch(/[\u0000-\u0008\u001b\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/);
  };

  it.each(CORPUS)('M10: a client called %j', async (name) => {
    const clientId = await clientOf({ name: `x${name}`, trust: 'untrusted' });
    inert(await pageFor(clientId));
    const trusted = await clientOf({ name: `x${name}`, trust: 'trusted' });
    const first = await pageFor(trusted);
    inert(first);
    await answer(first, { decision: 'allow' });
    const again = await pageFor(trusted);
    expect(again.form?.step).toBe('continue');
    inert(again);
  });

  it.each(CORPUS.filter((name) => !name.includes('\u0000')))(
    'M10: a server, a sentence and a tool called %j',
    async (name) => {
      const identifier = `https://files.example/${Buffer.from(name).toString('hex')}`;
      await addResource(
        server.database.prisma,
        {
          tenantId: DEFAULT_TENANT,
          identifier,
          name: `x${name}`,
          scopes: [{ scope: 'a"b'.replace('"', '<'), description: `x${name}`, destructive: false }],
          tools: [{ name: `t${name}`, title: `x${name}`, scopes: ['a<b'], effect: 'write' }],
        },
        cause,
      );
      inert(await pageFor(await clientOf(), { resource: identifier }));
    },
  );

  it.each(CORPUS.filter((name) => !name.includes('\u0000')))('M10: a person called %j', async (name) => {
    await server.database.prisma.user.update({ where: { id: person.id }, data: { name: `x${name}` } });
    inert(await pageFor(await clientOf()));
  });

  it('M10: a name of 10 kB does not push anything off the page', async () => {
    const untrusted = await clientOf({ name: 'A'.repeat(10_000), trust: 'untrusted' });
    expect((await pageFor(untrusted)).html).not.toContain('A'.repeat(40));
    const page = await pageFor(await clientOf({ name: 'A'.repeat(10_000) }));
    expect(page.html).not.toContain('A'.repeat(201));
    expect(page.html).toContain('A'.repeat(200));
  });

  it('M10: an error page shows what was sent as text', async () => {
    const { value: page } = await askFor(server, ada, '"><script>alert(1)</script>');
    expect(page.status).toBe(400);
    expect(page.html).not.toContain('<script>alert');
  });
});

it('a client that is removed between the two looks at it is offered nothing', async () => {
  const clientId = await clientOf();
  // What the first look found.
  const client = { clientId, redirectUriAllowed: () => true } as never;
  const request = {
    userId: person.id,
    resource: FILES,
    scope: 'files:read',
    redirectUri: CALLBACK,
    prompts: new Set<string>(),
  };
  expect(await makeOffer({ ...server.database, documents: 'open' }, client, request)).toMatchObject({
    scopes: ['files:read'],
  });

  await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);

  expect(await makeOffer({ ...server.database, documents: 'open' }, client, request)).toEqual({
    gone: 'unknown_client',
  });
});
