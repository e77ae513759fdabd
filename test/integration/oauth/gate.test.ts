import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  catalogueStatus,
  disableCatalogued,
  enableCatalogued,
  judgeDocument,
  removeRule,
  setRule,
  setTrust,
} from '../../../src/domain/admission/index.ts';
import type { TrustLevel } from '../../../src/domain/authority/index.ts';
import { removeClient } from '../../../src/domain/clients/index.ts';
import {
  listConnections,
  loadPresented,
  redeemCode,
  revokeGrantsOf,
  rotateRefreshToken,
} from '../../../src/domain/grants/index.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage, type RequestParams } from '../../support/authorization.ts';
import {
  addPerson,
  basic,
  claimsOf,
  connect,
  obtainCode,
  type Person,
  post,
  signedIn,
} from '../../support/flow.ts';
import { addTestClient, cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { addTenant, type TestTenant } from '../../support/tenant.ts';

/** The web where clients publish: everybody says to be Some App, and what was asked is kept. */
const asked: string[] = [];
const web: typeof globalThis.fetch = async (input) => {
  const url = String(input);
  asked.push(url);
  return Response.json({
    client_id: url,
    client_name: 'Some App',
    redirect_uris: ['http://127.0.0.1/callback', 'https://app.example/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
  });
};

let server: TestServer;
let person: Person;
/** Follows redirects. */
let ada: Agent;
/** The same person, who sees each. */
let step: Agent;

beforeAll(async () => {
  server = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'allowlist' }, { fetch: web });
  person = await addPerson(server);
  ada = createAgent();
  step = createAgent({ follow: false });
  await signedIn(server, ada, person);
  await signedIn(server, step, person);
});

afterAll(() => server.stop());

beforeEach(() => {
  asked.length = 0;
});

let hosts = 0;
/** The address of a client that nobody has heard of. */
function newUrl(path = '/oauth/client.json'): string {
  hosts += 1;
  return `https://app${hosts}.example${path}`;
}

const allowed = (pattern: string, trust?: TrustLevel, tenantId: string = DEFAULT_TENANT) =>
  setRule(server.database.prisma, { pattern, trust, tenantId }, cause);
const disallowed = (pattern: string, tenantId: string = DEFAULT_TENANT) =>
  removeRule(server.database.prisma, { pattern, tenantId }, cause);

async function pageFor(clientId: string, params: RequestParams = {}): Promise<Page> {
  const { value: started } = await askFor(server, step, clientId, params);
  return step.get(started.location ?? '');
}

const text = (page: Page) =>
  page.html
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

const refresh = (clientId: string, refreshToken = '') =>
  post(server, '/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken });

describe('a client off the list', () => {
  it.each([
    ['is not on it', () => undefined],
    ['is beside a template', (url: string) => allowed(url.replace('/oauth/client.json', '/*/client.html'))],
    ['is at a host of another name', (url: string) => allowed(url.replace(/^(https:\/\/)/, '$1www.'))],
    ['is blocked', (url: string) => allowed(url, 'blocked')],
    ['is at a host that is blocked', (url: string) => allowed(new URL(url).origin, 'blocked')],
  ])('K14, MCP 55: is refused on a page, with 0 fetches, when it %s', async (what, prepare) => {
    const clientId = newUrl();
    await prepare(clientId);
    const refused = await askFor(server, step, clientId);
    expectRefusedOnPage(refused, {
      reason: what.includes('blocked') ? 'client_blocked' : 'client_not_allowed',
      code: 'invalid_client',
    });
    expect(refused.records[0]?.client).toBe(clientId);
    expect(refused.clients).toBe(0);
    expect(asked).toEqual([]);
  });

  it('K14: is named on the page, as text and not as a link', async () => {
    const clientId = newUrl('/oauth/"><b>client</b>.json');
    const page = await step.get(`${server.issuer}/authorize?client_id=${encodeURIComponent(clientId)}`);
    expect(page.status).toBe(400);
    const url = newUrl();
    const { value: refused } = await askFor(server, step, url);
    expect(text(refused)).toContain('This program is not let in here');
    expect(text(refused)).toContain(url);
    expect(refused.html).not.toContain(`"${url}"`);
    expect(page.html).not.toContain('<b>client');
  });

  it('K14: gets nothing at the token endpoint either, whatever it presents', async () => {
    const clientId = newUrl();
    for (const params of [
      { grant_type: 'authorization_code', code: 'x', code_verifier: 'y'.repeat(43) },
      { grant_type: 'refresh_token', refresh_token: 'x' },
    ]) {
      const { status, body } = await post(server, '/token', { client_id: clientId, ...params });
      expect([status, body.error]).toEqual([401, 'invalid_client']);
    }
    expect(asked).toEqual([]);
  });

  it('MCP 7: is told that documents are read here, so that a person reads why it is refused', async () => {
    const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
    expect(metadata).toMatchObject({ client_id_metadata_document_supported: true });
  });
});

describe('a client on the list', () => {
  it.each(['untrusted', 'known', 'trusted', 'first_party'] as const)(
    'MCP 55: has the level of its rule, on the page, in the token and with its owner: %s',
    async (trust) => {
      const clientId = newUrl();
      await allowed(clientId, trust);
      const page = await pageFor(clientId, { redirect_uri: 'http://127.0.0.1:1024/callback' });
      expect(page.form?.step).toBe('consent');
      expect(text(page).includes('This program is not verified')).toBe(trust === 'untrusted');
      expect(text(page)).toContain(new URL(clientId).host);
      const tokens = await connect(server, ada, clientId);
      expect(claimsOf(tokens.access_token)['client_trust']).toBe(trust);
      const connection = (await listConnections(server.database.prisma, person.id)).find(
        ({ client }) => client.id === clientId,
      );
      expect(connection?.client.trust).toBe(trust);
      const row = await server.database.prisma.client.findUniqueOrThrow({ where: { id: clientId } });
      expect(row.trust).toBe('untrusted');
    },
  );

  it('is fetched once, and let in by a template and by a host too', async () => {
    const byTemplate = newUrl('/oauth/c0ffee/client.json');
    await allowed(byTemplate.replace('c0ffee', '*'), 'trusted');
    expect(claimsOf((await connect(server, ada, byTemplate)).access_token)['client_trust']).toBe('trusted');
    expect(asked).toEqual([byTemplate]);
    const byHost = newUrl();
    await allowed(new URL(byHost).origin);
    expect(claimsOf((await connect(server, ada, byHost)).access_token)['client_trust']).toBe('untrusted');
  });

  it('is judged by the most exact rule, and of two by the one that trusts less', async () => {
    const clientId = newUrl('/oauth/a/client.json');
    const { origin } = new URL(clientId);
    const judged = async () => {
      const verdict = await judgeDocument(server.database.pool, {
        url: clientId,
        tenantId: 'ten_default',
        documents: 'allowlist',
      });
      return verdict.allowed ? verdict.trust : verdict.reason;
    };
    expect(await judged()).toBe('client_not_allowed');
    await allowed(origin);
    expect(await judged()).toBe('untrusted');
    await allowed(`${origin}/oauth/*/client.json`, 'trusted');
    expect(await judged()).toBe('trusted');
    await allowed(`${origin}/oauth/a/*`, 'known');
    expect(await judged()).toBe('known');
    await allowed(`${origin}/oauth/*/*`, 'blocked');
    expect(await judged()).toBe('client_blocked');
    await allowed(clientId, 'first_party');
    expect(await judged()).toBe('first_party');
    await disallowed(clientId);
    await disallowed(`${origin}/oauth/*/*`);
    expect(await judged()).toBe('known');
  });

  it('no rule gives a whole host more than untrusted', async () => {
    for (const pattern of [
      'https://code.example',
      'https://code.example/',
      'https://code.example/*/client.json',
    ]) {
      for (const trust of ['known', 'trusted', 'first_party'] as const) {
        await expect(allowed(pattern, trust)).rejects.toThrow(/untrusted at most/);
      }
    }
  });

  it('the database reads a pattern as JavaScript does', async () => {
    const { prisma, pool } = server.database;
    const patterns = [
      'https://x.example/oauth/*/client.json',
      'https://x.example/(a+)+$/c.json',
      "https://x.example/!$&'()+,;=:@/-._~/c",
      'https://x.example/a.b/*',
      'https://x.example/a?b=c',
      'https://x.example:8443/*/c',
      'https://x.example',
    ];
    const urls = [
      ...patterns,
      'https://x.example/oauth/abc/client.json',
      'https://x.example/oauth/a/b/client.json',
      'https://x.example/oauth//client.json',
      'https://x.example/aaaa/c.json',
      'https://x.example/aXb/c',
      'https://x.example/a.b/c',
      'https://x.example/a.b/c?d',
      'https://x.example:8443/a/c',
      'https://xxexample/oauth/abc/client.json',
    ];
    for (const pattern of patterns) await allowed(pattern);
    const rules = await prisma.clientRule.findMany({ where: { host: { startsWith: 'x.example' } } });
    expect(rules).toHaveLength(patterns.length);
    for (const { expression } of rules) {
      for (const url of urls) {
        const { rows } = await pool.query('SELECT $1::text ~ $2::text AS matches', [url, expression]);
        expect([expression, url, rows[0].matches]).toEqual([
          expression,
          url,
          new RegExp(expression).test(url),
        ]);
      }
    }
  });

  it('K2: a look-alike of it is another client', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known');
    for (const evil of [
      clientId.replace('https://', 'https://evil.'),
      clientId.replace('.example/', '.example.evil/'),
      clientId.replace('/oauth', ':8443/oauth'),
      `${clientId}/x`,
      `${clientId}?x`,
    ]) {
      expectRefusedOnPage(await askFor(server, step, evil), { reason: 'client_not_allowed' });
    }
    expect(asked).toEqual([]);
  });
});

describe('a rule that changes', () => {
  it('K14: taken away ends what it let in at the next request: the page, the token endpoint, introspection', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known');
    const tokens = await connect(server, ada, clientId);
    const page = await pageFor(clientId);
    const { value: started } = await askFor(server, step, clientId);
    await disallowed(clientId);
    asked.length = 0;

    const refused = await observe(server, () => refresh(clientId, tokens.refresh_token));
    expect([refused.value.status, refused.value.body.error]).toEqual([401, 'invalid_client']);
    expect(refused.records).toEqual([
      expect.objectContaining({
        event: 'client.authentication_failed',
        reason: 'client_not_allowed',
        client: clientId,
        tenant: 'ten_default',
      }),
    ]);
    expect((await step.get(started.location ?? '')).status).toBe(400);
    const answered = await observe(server, () =>
      step.submit(page, { decision: 'allow', scope: 'files:read' }),
    );
    expect(answered.value.status).toBe(400);
    expect(answered.grants).toBe(0);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_not_allowed' });
    expect(asked).toEqual([]);

    await allowed(clientId, 'known');
    expect((await refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });

  it('K14: one that is taken away between the answer and the way back leaves no code', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known');
    const page = await pageFor(clientId);
    const answered = await step.submit(page, { decision: 'allow', scope: ['files:read'] });
    await disallowed(clientId);
    const { value: back, grants, codes } = await observe(server, () => step.get(answered.location ?? ''));
    expect(back.location ?? '').not.toContain('code=');
    expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
  });

  it('a token that is out is inactive at introspection while its client is not let in', async () => {
    const { resource, secret } = await addResource(
      server.database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: 'https://asks.example/mcp',
        name: 'Asks',
        scopes: [{ scope: 'asks:read', description: 'Ask', destructive: false }],
        withSecret: true,
      },
      cause,
    );
    const clientId = newUrl();
    await allowed(clientId, 'known');
    const tokens = await connect(server, ada, clientId, {
      resource: resource.identifier,
      scope: 'asks:read',
    });
    const active = async () => {
      const { body } = await post(
        server,
        '/introspect',
        { token: tokens.access_token ?? '' },
        basic(resource.id, secret ?? ''),
      );
      return body['active'];
    };
    expect(await active()).toBe(true);
    await allowed(clientId, 'blocked');
    expect(await active()).toBe(false);
    await disallowed(clientId);
    expect(await active()).toBe(false);
    await allowed(clientId);
    expect(await active()).toBe(true);
  });

  it('gives another level at the next refresh, with what follows from it', async () => {
    const clientId = newUrl();
    await setTrust(server.database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust: 'known' }, cause);
    const tokens = await connect(server, ada, clientId, { scope: 'files:read files:delete' });
    expect(tokens.scope).toBe('files:read files:delete');
    await setTrust(server.database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust: 'untrusted' }, cause);
    const { body, status } = await refresh(clientId, tokens.refresh_token);
    expect(status).toBe(200);
    expect(body.scope).toBe('files:read');
    expect(claimsOf(body.access_token)['client_trust']).toBe('untrusted');
  });

  it('to blocked ends the use at once', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known');
    const { code, verifier } = await obtainCode(server, ada, clientId);
    const tokens = await connect(server, ada, clientId);
    await allowed(clientId, 'blocked');
    expect((await refresh(clientId, tokens.refresh_token)).status).toBe(401);
    const redeemed = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
    });
    expect([redeemed.status, redeemed.body.error]).toEqual([401, 'invalid_client']);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_blocked' });
  });

  it('to blocked is seen by the statements that consume, after everything was read and found good', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known');
    const { pool } = server.database;
    const { code: value } = await obtainCode(server, ada, clientId);
    const tokens = await connect(server, ada, clientId);
    const [code, token] = await Promise.all([
      loadPresented(pool, clientId, { kind: 'authorization_code', value }, 'allowlist'),
      loadPresented(
        pool,
        clientId,
        { kind: 'refresh_token', value: tokens.refresh_token ?? '' },
        'allowlist',
      ),
    ]);
    if (code.presented?.kind !== 'authorization_code') throw new Error('there is no code');
    if (token.presented?.kind !== 'refresh_token') throw new Error('there is no token');
    const { presented: readCode } = code;
    const { presented: readToken } = token;
    expect([readCode.grant.clientActive, readToken.grant.clientActive]).toEqual([true, true]);

    await allowed(clientId, 'blocked');
    const { records } = await observe(server, async () => {
      const issued = { event: 'token.issued', outcome: 'success' } as const;
      const rotated = { event: 'refresh.rotated', outcome: 'success' } as const;
      expect(await redeemCode(pool, readCode, undefined, issued, cause)).toBe(false);
      const next = { value: 'x', secretVersion: 1, idleLifetime: 60 };
      expect(await rotateRefreshToken(pool, readToken, next, [], rotated, cause)).toBe(false);
    });
    expect(records).toEqual([]);
  });

  it('leaves one record for each change', async () => {
    const clientId = newUrl();
    const { records } = await observe(server, async () => {
      await allowed(clientId);
      await allowed(clientId, 'trusted');
      await disallowed(clientId);
    });
    expect(records.map(({ event, client, detail }) => ({ event, client, detail }))).toEqual([
      { event: 'rule.set', client: clientId, detail: { pattern: clientId, trust: 'known' } },
      { event: 'rule.set', client: clientId, detail: { pattern: clientId, trust: 'trusted', was: 'known' } },
      { event: 'rule.removed', client: null, detail: { pattern: clientId, trust: 'trusted' } },
    ]);
  });
});

describe('two tenants', () => {
  let other: TestTenant;
  beforeAll(async () => {
    other = await addTenant(server, [person]);
  });

  it('K9: the same client is what each of them says, on every use, whoever fetched it first', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'trusted');
    const here = await connect(server, ada, clientId);
    expect(claimsOf(here.access_token)).toMatchObject({ tenant: 'ten_default', client_trust: 'trusted' });
    expect(asked).toEqual([clientId]);

    const refused = await askFor(server, step, clientId, { resource: other.resource });
    expectRefusedOnPage(refused, { reason: 'client_not_allowed' });

    await allowed(clientId, 'untrusted', other.id);
    const there = await connect(server, ada, clientId, { resource: other.resource });
    expect(claimsOf(there.access_token)).toMatchObject({ tenant: other.id, client_trust: 'untrusted' });

    await allowed(clientId, 'blocked', other.id);
    expect((await refresh(clientId, there.refresh_token)).status).toBe(401);
    const again = await refresh(clientId, here.refresh_token);
    expect(again.status).toBe(200);
    expect(claimsOf(again.body.access_token)).toMatchObject({ client_trust: 'trusted' });
    expectRefusedOnPage(await askFor(server, step, clientId, { resource: other.resource }), {
      reason: 'client_blocked',
    });
    expect((await pageFor(clientId)).status).toBe(200);
  });

  it('K9: a rule of one lets nothing in at the other, and one that blocks keeps nothing out there', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known', other.id);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_not_allowed' });
    expect(asked).toEqual([]);
    await allowed(clientId, 'blocked');
    const there = await connect(server, ada, clientId, { resource: other.resource });
    expect(claimsOf(there.access_token)['client_trust']).toBe('known');
  });

  it.each([
    ['here', [DEFAULT_TENANT]],
    ['at the other tenant', ['other']],
    ['nowhere', []],
  ] as const)(
    'SEC-M7, F7: without a session a document that is let in %s is answered alike for a foreign and an unknown server',
    async (_where, tenants) => {
      const clientId = newUrl();
      for (const tenant of tenants) await allowed(clientId, 'known', tenant === 'other' ? other.id : tenant);
      for (const prompt of [undefined, 'none']) {
        const answers = [];
        for (const resource of [other.resource, 'https://nowhere.example/mcp', FILES]) {
          const stranger = createAgent({ follow: false });
          const { value, records } = await askFor(server, stranger, clientId, { resource, prompt });
          const location = value.location?.replace(/\/interaction\/[\w-]+/, '/interaction/…');
          const reasons = records.map(({ event, reason }) => [event, reason]);
          answers.push({ status: value.status, location, reasons });
        }
        expect(answers[0]).toEqual(answers[1]);
        expect(answers[2]).toEqual(answers[1]);
        expect(answers[0]?.status).toBe(tenants.length > 0 ? 303 : 400);
      }
    },
  );

  it('K9: what an administrator gave a client that registered itself counts at their tenant alone', async () => {
    const registered = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Helper',
        redirect_uris: ['http://127.0.0.1/callback'],
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
      }),
    });
    const { client_id: clientId } = (await registered.json()) as { client_id: string };
    await setTrust(server.database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust: 'trusted' }, cause);
    const here = await connect(server, ada, clientId);
    const there = await connect(server, ada, clientId, { resource: other.resource });
    expect([here, there].map((tokens) => claimsOf(tokens.access_token)['client_trust'])).toEqual([
      'trusted',
      'untrusted',
    ]);
  });

  it('K9: a redirect that one lets a client use beside its document is not for the other', async () => {
    const clientId = 'https://opencode.ai/oauth/opencode/client.json';
    const { prisma } = server.database;
    const redirectUri = 'http://127.0.0.1:19876/mcp/oauth/callback';
    await enableCatalogued(prisma, 'opencode', { tenantId: other.id }, cause);
    await allowed(clientId, 'known');
    const there = { resource: other.resource, redirect_uri: redirectUri };
    expect((await connect(server, ada, clientId, there)).scope).toBeDefined();
    expectRefusedOnPage(await askFor(server, step, clientId, { redirect_uri: redirectUri }), {
      reason: 'redirect_uri',
    });
    await disallowed(clientId);
    expect((await connect(server, ada, clientId, there)).scope).toBeDefined();
    await disableCatalogued({ prisma, revokeGrantsOf }, 'opencode', { tenantId: other.id }, cause);
  });

  it('S2: of two tenants, the connections of one client end where one of them ends them', async () => {
    const clientId = newUrl();
    await allowed(clientId, 'known');
    await allowed(clientId, 'known', other.id);
    const here = await connect(server, ada, clientId);
    const there = await connect(server, ada, clientId, { resource: other.resource });
    await disallowed(clientId);
    expect((await refresh(clientId, here.refresh_token)).status).toBe(401);
    expect((await refresh(clientId, there.refresh_token)).status).toBe(200);
  });
});

describe('the mode', () => {
  it('off: nothing comes in, whatever the rules say, and nothing is fetched', async () => {
    const off = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'off' }, { fetch: web });
    try {
      const clientId = newUrl();
      await setRule(
        off.database.prisma,
        { tenantId: DEFAULT_TENANT, pattern: clientId, trust: 'first_party' },
        cause,
      );
      const agent = createAgent({ follow: false });
      expectRefusedOnPage(await askFor(off, agent, clientId), { reason: 'client_documents_off' });
      expect(asked).toEqual([]);
    } finally {
      await off.stop();
    }
  });

  it('open: what no rule speaks of is a stranger, and what one blocks stays out', async () => {
    const open = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'open' }, { fetch: web });
    try {
      const agent = createAgent();
      await signedIn(open, agent, await addPerson(open));
      const stranger = newUrl();
      const tokens = await connect(open, agent, stranger);
      expect(claimsOf(tokens.access_token)['client_trust']).toBe('untrusted');
      const known = newUrl();
      await setRule(open.database.prisma, { tenantId: DEFAULT_TENANT, pattern: known }, cause);
      expect(claimsOf((await connect(open, agent, known)).access_token)['client_trust']).toBe('known');
      asked.length = 0;
      const blocked = newUrl();
      await setRule(
        open.database.prisma,
        { tenantId: DEFAULT_TENANT, pattern: new URL(blocked).origin, trust: 'blocked' },
        cause,
      );
      expectRefusedOnPage(await askFor(open, createAgent({ follow: false }), blocked), {
        reason: 'client_blocked',
      });
      expect(asked).toEqual([]);
    } finally {
      await open.stop();
    }
  });

  it('is that of the process: what open let in is refused by one that has a list', async () => {
    const open = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'open' }, { fetch: web });
    try {
      const agent = createAgent();
      await signedIn(open, agent, await addPerson(open));
      const clientId = newUrl();
      const tokens = await connect(open, agent, clientId);
      const presented = async (mode: 'open' | 'allowlist') =>
        (
          await loadPresented(
            open.database.pool,
            clientId,
            { kind: 'refresh_token', value: tokens.refresh_token ?? '' },
            mode,
          )
        ).presented?.grant;
      expect(await presented('open')).toMatchObject({ clientTrust: 'untrusted', clientActive: true });
      expect(await presented('allowlist')).toMatchObject({ clientTrust: 'blocked', clientActive: false });
    } finally {
      await open.stop();
    }
  });
});

describe('the catalogue', () => {
  it('lets a client in by its document, at the level known, and out again', async () => {
    const { prisma } = server.database;
    const clientId = 'https://claude.ai/oauth/claude-code-client-metadata';
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_not_allowed' });
    expect(await enableCatalogued(prisma, 'claude-code', { tenantId: DEFAULT_TENANT }, cause)).toMatchObject({
      enabled: true,
    });
    const tokens = await connect(server, ada, clientId);
    expect(claimsOf(tokens.access_token)['client_trust']).toBe('known');
    expect(
      (await catalogueStatus(prisma, { tenantId: DEFAULT_TENANT })).filter(({ enabled }) => enabled),
    ).toMatchObject([{ entry: { name: 'claude-code' } }]);
    await disableCatalogued({ prisma, revokeGrantsOf }, 'claude-code', { tenantId: DEFAULT_TENANT }, cause);
    expect((await refresh(clientId, tokens.refresh_token)).status).toBe(401);
    expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_not_allowed' });
  });

  it('every connector of ChatGPT is let in by one entry, and nothing else of its host', async () => {
    const { prisma } = server.database;
    await enableCatalogued(prisma, 'chatgpt', { tenantId: DEFAULT_TENANT }, cause);
    const page = await pageFor('https://chatgpt.com/oauth/c0ffee1234/client.json');
    expect(page.form?.step).toBe('consent');
    for (const evil of [
      'https://chatgpt.com/share/oauth/c0ffee/client.json',
      'https://chatgpt.com/oauth/client.html',
    ])
      expectRefusedOnPage(await askFor(server, step, evil), { reason: 'client_not_allowed' });
  });

  it('a client may use the redirect that its document lacks where its entry says so, and no other', async () => {
    const { prisma } = server.database;
    const clientId = 'https://opencode.ai/oauth/opencode/client.json';
    const redirectUri = 'http://127.0.0.1:19876/mcp/oauth/callback';
    await allowed(clientId, 'known');
    expectRefusedOnPage(await askFor(server, step, clientId, { redirect_uri: redirectUri }), {
      reason: 'redirect_uri',
    });
    await enableCatalogued(prisma, 'opencode', { tenantId: DEFAULT_TENANT }, cause);
    const tokens = await connect(server, ada, clientId, { redirect_uri: redirectUri });
    expect((await refresh(clientId, tokens.refresh_token)).status).toBe(200);
    // Another level of trust leaves it what the entry says.
    await setTrust(prisma, { tenantId: DEFAULT_TENANT, clientId, trust: 'trusted' }, cause);
    expect((await pageFor(clientId, { redirect_uri: redirectUri })).status).toBe(200);
    for (const evil of [
      'http://127.0.0.1:19876/mcp/oauth/other',
      'http://localhost:19876/mcp/oauth/callback',
    ])
      expectRefusedOnPage(await askFor(server, step, clientId, { redirect_uri: evil }), {
        reason: 'redirect_uri',
      });
  });

  it('a client with redirects that are always the same is registered once, and removed with all it has', async () => {
    const { prisma } = server.database;
    const first = await enableCatalogued(prisma, 'gemini-cli', { tenantId: DEFAULT_TENANT }, cause);
    expect(first).toMatchObject({
      enabled: true,
      clientId: expect.stringMatching(/^cli_/),
      clientSecret: undefined,
    });
    expect((await enableCatalogued(prisma, 'gemini-cli', { tenantId: DEFAULT_TENANT }, cause)).clientId).toBe(
      first.clientId,
    );
    const redirectUri = 'http://localhost:7777/oauth/callback';
    const tokens = await connect(server, ada, first.clientId ?? '', { redirect_uri: redirectUri });
    expect(claimsOf(tokens.access_token)['client_trust']).toBe('known');
    expect(
      await disableCatalogued({ prisma, revokeGrantsOf }, 'gemini-cli', { tenantId: DEFAULT_TENANT }, cause),
    ).toMatchObject({
      grantsRevoked: 1,
    });
    expect((await refresh(first.clientId ?? '', tokens.refresh_token)).status).toBe(401);
    await expect(
      disableCatalogued({ prisma, revokeGrantsOf }, 'gemini-cli', { tenantId: DEFAULT_TENANT }, cause),
    ).rejects.toThrow(/not switched on/);
  });

  it('a client that can only register itself is not switched on, and nothing is made', async () => {
    const { value, records } = await observe(server, () =>
      enableCatalogued(server.database.prisma, 'lm-studio', { tenantId: DEFAULT_TENANT }, cause),
    );
    expect(value).toMatchObject({ enabled: false, clientId: undefined });
    expect(records).toEqual([]);
  });
});

it('MCP 55: a client that was removed by name comes back when an administrator allows it by name', async () => {
  const clientId = newUrl();
  const { prisma } = server.database;
  await allowed(clientId);
  await connect(server, ada, clientId);
  await removeClient({ prisma, revokeGrantsOf }, clientId, cause);
  const refused = await askFor(server, step, clientId);
  expectRefusedOnPage(refused, { reason: 'client_removed' });
  // It has saved no ID that it could forget.
  expect(text(refused.value)).toContain('This program is not let in here');
  expect(text(refused.value)).not.toMatch(/forget/);
  await allowed(new URL(clientId).origin);
  expectRefusedOnPage(await askFor(server, step, clientId), { reason: 'client_removed' });
  await allowed(clientId, 'untrusted');
  expect((await pageFor(clientId)).form?.step).toBe('consent');
});

it('a client that was registered here is none of the gate’s business', async () => {
  const { clientId } = await addTestClient(server, { trust: 'trusted' });
  const tokens = await connect(server, ada, clientId, { resource: FILES });
  expect(claimsOf(tokens.access_token)['client_trust']).toBe('trusted');
  expect(asked).toEqual([]);
});
