import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  approveRequest,
  askForClient,
  listRequests,
  rejectRequest,
  setRule,
  sweepRequests,
} from '../../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import { addPerson, claimsOf, connect, type Person, signedIn } from '../../support/flow.ts';
import { scrape } from '../../support/scrape.ts';
import { cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { addTenant } from '../../support/tenant.ts';
import { totpCode } from '../../support/totp.ts';

/** What was fetched from the web where clients publish. */
const asked: string[] = [];
const web: typeof globalThis.fetch = async (input) => {
  const url = String(input);
  asked.push(url);
  return Response.json({
    client_id: url,
    client_name: 'Some App',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
  });
};

let server: TestServer;
let person: Person;
let ada: Agent;
/** The same person, who sees each redirect. */
let step: Agent;

beforeAll(async () => {
  server = await startTestServer(
    {
      GATEHOUSE_METADATA_DOCUMENTS: 'review',
      GATEHOUSE_MAX_CLIENT_REQUESTS: '12',
      GATEHOUSE_MAX_CLIENT_REQUESTS_PERSON: '3',
    },
    { fetch: web },
  );
});
afterAll(() => server.stop());

beforeEach(async () => {
  await server.database.prisma.clientRequest.deleteMany();
  asked.length = 0;
  person = await addPerson(server);
  ada = createAgent();
  step = createAgent({ follow: false });
  await signedIn(server, ada, person);
  await signedIn(server, step, person);
});

let hosts = 0;
function newUrl(): string {
  hosts += 1;
  return `https://app${hosts}.example/oauth/client.json`;
}

const text = (page: Page) =>
  page.html
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

/** Where the refusal at the authorization endpoint leads on. */
function linkOf(page: Page): string {
  const href = /<a class="button" href="([^"]+)"/.exec(page.html)?.[1] ?? '';
  return new URL(href.replaceAll('&amp;', '&'), server.issuer).href;
}

const pageOf = (client: string, resource?: string) =>
  `${server.issuer}/client-request?${new URLSearchParams({ client, ...(resource ? { resource } : {}) })}`;
const waiting = () => listRequests(server.database.prisma, { decided: false });

describe('a client that waits for review', () => {
  it('K14: is refused on a page, with 0 fetches, which leads to where it can be asked for', async () => {
    const clientId = newUrl();
    const refused = await askFor(server, step, clientId);
    expectRefusedOnPage(refused, { reason: 'client_awaits_review', code: 'invalid_client' });
    expect(text(refused.value)).toContain('This program is not let in yet');
    expect(text(refused.value)).toContain(clientId);
    expect(linkOf(refused.value)).toBe(pageOf(clientId, FILES));
    expect(asked).toEqual([]);
  });

  it('is asked for by a person, without scripts, and let in when an administrator approves', async () => {
    const clientId = newUrl();
    const { value: refused } = await askFor(server, ada, clientId);
    const form = await ada.get(linkOf(refused));
    expect(form.form?.step).toBe('client-request');
    for (const part of ['Ask for this program?', new URL(clientId).host, 'Team Files', person.email])
      expect(text(form)).toContain(part);
    const { value: done, records } = await observe(server, () =>
      ada.submit(form, { reason: 'For the  meeting\nnotes\u202e' }),
    );
    expect(done.status).toBe(200);
    expect(text(done)).toContain('You have asked for this program');
    expect(records).toEqual([
      expect.objectContaining({
        event: 'client.requested',
        outcome: 'success',
        tenant: 'ten_default',
        subject: person.id,
        client: clientId,
      }),
    ]);
    expect(await waiting()).toMatchObject([
      { clientId, userEmail: person.email, reason: 'For the meeting notes', decision: 'waiting' },
    ]);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_awaits_review' });
    expect(asked).toEqual([]);

    const approved = await observe(server, () =>
      approveRequest(
        server.database.prisma,
        { name: clientId, tenantId: DEFAULT_TENANT },
        { trust: 'known' },
        cause,
      ),
    );
    expect(approved.value).toEqual({ clientId, requests: 1 });
    expect(approved.records.map(({ event, detail }) => ({ event, detail }))).toEqual([
      { event: 'rule.set', detail: { pattern: clientId, trust: 'known' } },
      { event: 'client.request_approved', detail: { trust: 'known', requests: 1 } },
    ]);
    expect(text(await ada.get(linkOf(refused)))).toContain('This program is let in');
    const tokens = await connect(server, ada, clientId);
    expect(claimsOf(tokens.access_token)['client_trust']).toBe('known');
    expect(asked).toEqual([clientId]);
  });

  it('rejected: who asked is told, and cannot ask again for a while; a rule lets it in all the same', async () => {
    const clientId = newUrl();
    const form = await ada.get(pageOf(clientId, FILES));
    await ada.submit(form, { reason: '' });
    const [request] = await waiting();
    await rejectRequest(server.database.prisma, { name: request?.id ?? '', tenantId: DEFAULT_TENANT }, cause);
    expect(await waiting()).toEqual([]);
    expect(text(await ada.get(pageOf(clientId, FILES)))).toContain('This program stays out');
    const { records } = await observe(server, () => ada.submit(form, { reason: 'please' }));
    expect(records).toEqual([]);
    expect(await waiting()).toEqual([]);

    const { pool, prisma } = server.database;
    expect(await sweepRequests(prisma)).toBe(0);
    await pool.query("UPDATE client_requests SET decided_at = now() - interval '91 days'");
    expect(await sweepRequests(prisma)).toBe(1);
    expect((await ada.get(pageOf(clientId, FILES))).form?.step).toBe('client-request');

    await setRule(prisma, { tenantId: DEFAULT_TENANT, pattern: clientId, trust: 'untrusted' }, cause);
    expect(text(await ada.get(pageOf(clientId, FILES)))).toContain('This program is let in');
  });

  it('asked for by several is answered for all of them at once, and once', async () => {
    const clientId = newUrl();
    const others = await Promise.all([addPerson(server), addPerson(server)]);
    for (const who of [person, ...others]) {
      const agent = createAgent();
      await signedIn(server, agent, who);
      await agent.submit(await agent.get(pageOf(clientId)), { reason: 'me too' });
    }
    const { prisma } = server.database;
    const decisions = await Promise.allSettled([
      approveRequest(prisma, { name: clientId, tenantId: DEFAULT_TENANT }, { trust: 'untrusted' }, cause),
      rejectRequest(prisma, { name: clientId, tenantId: DEFAULT_TENANT }, cause),
      approveRequest(prisma, { name: clientId, tenantId: DEFAULT_TENANT }, { trust: 'known' }, cause),
    ]);
    const done = decisions.filter(({ status }) => status === 'fulfilled');
    expect(done).toEqual([{ status: 'fulfilled', value: { clientId, requests: 3 } }]);
    expect(await waiting()).toEqual([]);
    const decided = await listRequests(prisma, { decided: true });
    expect(new Set(decided.map(({ decision }) => decision)).size).toBe(1);
    const rules = await prisma.clientRule.count({ where: { pattern: clientId } });
    expect(rules).toBe(decided[0]?.decision === 'approved' ? 1 : 0);
  });

  it('asked for twice waits once, however fast it is asked for', async () => {
    const clientId = newUrl();
    const form = await ada.get(pageOf(clientId));
    const { records } = await observe(server, () =>
      Promise.all(Array.from({ length: 5 }, () => ada.submit(form, { reason: 'now' }))),
    );
    expect(records.map(({ event }) => event)).toEqual(['client.requested']);
    expect(await waiting()).toHaveLength(1);
  });

  it('once approved, and its rule taken away, can be asked for again', async () => {
    const clientId = newUrl();
    const { prisma } = server.database;
    const form = await ada.get(pageOf(clientId));
    await ada.submit(form, { reason: 'first' });
    await approveRequest(prisma, { name: clientId, tenantId: DEFAULT_TENANT }, { trust: 'known' }, cause);
    await prisma.clientRule.deleteMany({ where: { pattern: clientId } });
    await ada.submit(await ada.get(pageOf(clientId)), { reason: 'again' });
    expect(await waiting()).toMatchObject([{ clientId, reason: 'again' }]);
  });
});

describe('asking', () => {
  it('leads through sign-in, and back', async () => {
    const clientId = newUrl();
    const stranger = createAgent();
    const { value: refused } = await askFor(server, stranger, clientId);
    let page = await stranger.get(linkOf(refused));
    expect(page.form?.step).toBe('identify');
    page = await stranger.submit(page, { email: person.email });
    page = await stranger.submit(page, { password: person.password });
    page = await stranger.submit(page, { code: totpCode(person.totpSecret) });
    expect(page.form?.step).toBe('client-request');
    expect(text(page)).toContain(clientId);
  });

  it('is bounded for each person, and for all, and says so', async () => {
    const submit = async (agent: Agent) =>
      agent.submit(await agent.get(pageOf(newUrl())), { reason: 'one more' });
    for (let at = 0; at < 3; at += 1) expect((await submit(ada)).status).toBe(200);
    const own = await observe(server, () => submit(ada));
    expect(own.value.status).toBe(429);
    expect(text(own.value)).toContain('You have asked for several programs already');
    expect(own.records).toEqual([
      expect.objectContaining({
        event: 'request.throttled',
        reason: 'too_many_client_requests',
        subject: person.id,
      }),
    ]);

    for (let who = 0; who < 3; who += 1) {
      const agent = createAgent();
      await signedIn(server, agent, await addPerson(server));
      for (let at = 0; at < 3; at += 1) expect((await submit(agent)).status).toBe(200);
    }
    const late = createAgent();
    await signedIn(server, late, await addPerson(server));
    const all = await observe(server, () => submit(late));
    expect(all.value.status).toBe(429);
    expect(all.records).toEqual([expect.objectContaining({ reason: 'client_requests_full' })]);
    expect(await waiting()).toHaveLength(12);

    const { pool, prisma } = server.database;
    await pool.query(
      "UPDATE client_requests SET created_at = now() - interval '31 days' WHERE id IN (SELECT id FROM client_requests LIMIT 2)",
    );
    expect(await sweepRequests(prisma)).toBe(2);
    expect((await submit(late)).status).toBe(200);
  });

  it('is bounded also when it is done all at once', async () => {
    const { prisma } = server.database;
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        askForClient(
          prisma,
          { tenantId: 'ten_default', userId: person.id, clientId: newUrl(), reason: '' },
          { perPerson: 3, inAll: 100 },
          cause,
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'asked')).toHaveLength(3);
    expect(await waiting()).toHaveLength(3);
  });

  it.each([
    ['without the token of the form', { csrf: '' }, 403],
    ['with the token of nobody', { csrf: 'A'.repeat(43) }, 403],
  ])('M5: %s nothing is asked for', async (_what, values, status) => {
    const form = await ada.get(pageOf(newUrl()));
    const { value, records } = await observe(server, () => ada.submit(form, { reason: 'x', ...values }));
    expect(value.status).toBe(status);
    expect(records).toEqual([
      expect.objectContaining({ event: 'client.requested', outcome: 'refused', reason: 'form_token' }),
    ]);
    expect(await waiting()).toEqual([]);
  });

  it('nobody asks who is not signed in', async () => {
    const nobody = createAgent({ follow: false });
    const page = await nobody.get(`${server.issuer}/sign-in`);
    const [, csrf = ''] = page.form?.fields.find(([name]) => name === 'csrf') ?? [];
    const { value, records } = await observe(server, () =>
      nobody.post(pageOf(newUrl()), new URLSearchParams({ csrf, reason: 'x' })),
    );
    expect(value.status).toBe(403);
    expect(records).toEqual([
      expect.objectContaining({ event: 'client.requested', outcome: 'refused', reason: 'not_signed_in' }),
    ]);
    expect(await waiting()).toEqual([]);
  });

  it.each([
    ['no address', ''],
    ['an id of ours', 'cli_abc'],
    ['plain http', 'http://app.example/client.json'],
    ['a host alone', 'https://app.example/'],
    ['a template, which would let in more than one', 'https://app.example/*/client.json'],
    ['an address with a user', 'https://user@app.example/client.json'],
    ['a script', 'javascript:alert(1)'],
    ['another spelling', 'https://APP.example/client.json'],
  ])('K3: %s cannot be asked for', async (_what, client) => {
    const { value, records } = await observe(server, () => step.get(pageOf(client)));
    expect(value.status).toBe(400);
    expect(records).toEqual([
      expect.objectContaining({
        event: 'client.requested',
        outcome: 'refused',
        reason: 'client_document_url',
      }),
    ]);
    expect(await waiting()).toEqual([]);
  });

  it('M10: an address that would be more than an address is shown as text', async () => {
    const page = await ada.get(pageOf("https://app.example/'onload=alert(1)/c.json"));
    expect(page.status).toBe(200);
    expect(page.html).toContain('&#39;onload=alert(1)');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('cache-control')).toContain('no-store');
  });

  it('S1: at a tenant that a person does not belong to looks like at a server that does not exist', async () => {
    const theirs = await addTenant(server, []);
    const client = newUrl();
    const answers = await Promise.all(
      [theirs.resource, 'https://nowhere.example/mcp'].map((resource) => step.get(pageOf(client, resource))),
    );
    for (const { status } of answers) expect(status).toBe(400);
    const [one, other] = answers.map(({ html }) => html.replace(/req_[\w-]+/g, ''));
    expect(one).toBe(other);
    expect(await waiting()).toEqual([]);
  });

  it('K9: a request is of the tenant of the server, and so is what comes of it', async () => {
    const theirs = await addTenant(server, [person]);
    const clientId = newUrl();
    await ada.submit(await ada.get(pageOf(clientId, theirs.resource)), { reason: '' });
    const [request] = await waiting();
    expect(request?.tenantId).toBe(theirs.id);
    await approveRequest(
      server.database.prisma,
      { name: request?.id ?? '', tenantId: DEFAULT_TENANT },
      { trust: 'known' },
      cause,
    );
    const tokens = await connect(server, ada, clientId, { resource: theirs.resource });
    expect(claimsOf(tokens.access_token)['tenant']).toBe(theirs.id);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_awaits_review' });
  });

  it('what is blocked cannot be asked for', async () => {
    const client = newUrl();
    await setRule(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: client, trust: 'blocked' },
      cause,
    );
    const { value, records } = await observe(server, () => step.get(pageOf(client)));
    expect(value.status).toBe(400);
    expect(records).toEqual([expect.objectContaining({ reason: 'client_blocked' })]);
  });

  it('is counted, so that an administrator hears of it', async () => {
    await ada.submit(await ada.get(pageOf(newUrl())), { reason: '' });
    expect((await scrape(server)).value('gatehouse_client_requests', { state: 'waiting' })).toBe(1);
  });
});

it('where nothing is reviewed there is nothing to ask for', async () => {
  const list = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'allowlist' }, { fetch: web });
  try {
    const agent = createAgent();
    await signedIn(list, agent, await addPerson(list));
    const page = await agent.get(`${list.issuer}/client-request?client=${encodeURIComponent(newUrl())}`);
    expect(page.status).toBe(404);
    expect((await agent.post(page.url, new URLSearchParams({ reason: 'x' }))).status).toBe(404);
  } finally {
    await list.stop();
  }
});
