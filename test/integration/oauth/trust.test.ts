import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setRule, setTrust } from '../../../src/domain/admission/index.ts';
import type { TrustLevel } from '../../../src/domain/authority/index.ts';
import { admitStrangers } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, askedScopes, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage, type RequestParams } from '../../support/authorization.ts';
import { addPerson, claimsOf, connect, type Person, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, MAIL, startTestServer, type TestServer } from '../../support/server.ts';

const WEB = 'https://app.example/cb';
const DAY = 86_400;
const ALL = 'files:read files:write files:delete';

const web: typeof globalThis.fetch = async (input) => {
  const { hostname, searchParams } = new URL(String(input));
  return Response.json({
    client_id: String(input),
    client_name: searchParams.get('name') ?? 'Some App',
    redirect_uris: hostname.startsWith('web.')
      ? ['http://127.0.0.1/callback', WEB]
      : ['http://127.0.0.1/callback', 'http://localhost/callback'],
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
  server = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'open' }, { fetch: web });
});
afterAll(() => server.stop());

/** Everybody begins with nothing remembered. */
beforeEach(async () => {
  person = await addPerson(server);
  ada = createAgent();
  step = createAgent({ follow: false });
  await signedIn(server, ada, person);
  await signedIn(server, step, person);
});

const clientOf = async (trust: TrustLevel) =>
  (await addTestClient(server, { trust, redirectUris: ['http://127.0.0.1/callback', WEB] })).clientId;
const trusted = (clientId: string, trust: TrustLevel) =>
  setTrust(server.database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust }, cause);
const refresh = (clientId: string, refreshToken = '') =>
  post(server, '/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken });

async function pageFor(clientId: string, params: RequestParams = {}): Promise<Page> {
  const { value: started } = await askFor(server, step, clientId, params);
  return started.location?.startsWith(server.issuer) ? step.get(started.location) : started;
}

const text = (page: Page) =>
  page.html
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

/** Seconds that a grant and its youngest refresh token live, from when each was made. */
async function lifetimesOf(grant: unknown) {
  const { rows } = await server.database.pool.query(
    `SELECT EXTRACT(EPOCH FROM g.expires_at - g.created_at)::int AS absolute,
            EXTRACT(EPOCH FROM t.expires_at - t.issued_at)::int AS idle
     FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id WHERE g.id = $1 ORDER BY t.generation DESC LIMIT 1`,
    [grant],
  );
  return rows[0];
}

/** Lets so many seconds pass for everything that a client has. */
async function pass(clientId: string, seconds: number): Promise<void> {
  const { pool } = server.database;
  const back = `- make_interval(secs => ${seconds})`;
  await pool.query(
    `UPDATE grants SET created_at = created_at ${back}, expires_at = expires_at ${back} WHERE client_id = $1`,
    [clientId],
  );
  await pool.query(
    `UPDATE refresh_tokens SET issued_at = issued_at ${back}, expires_at = expires_at ${back} WHERE client_id = $1`,
    [clientId],
  );
}

describe('a level of trust', () => {
  it.each([
    ['untrusted', 1, 7],
    ['known', 14, 90],
    ['trusted', 14, 90],
    ['first_party', 30, 180],
  ] as const)(
    '%s: a connection lives %i days without use, and %i at the most',
    async (trust, idle, absolute) => {
      const clientId = await clientOf(trust);
      const tokens = await connect(server, ada, clientId);
      const claims = claimsOf(tokens.access_token);
      expect(claims['client_trust']).toBe(trust);
      const lives = { idle: idle * DAY, absolute: absolute * DAY };
      expect(await lifetimesOf(claims['grant_id'])).toEqual(lives);
      expect((await refresh(clientId, tokens.refresh_token)).status).toBe(200);
      expect(await lifetimesOf(claims['grant_id'])).toEqual(lives);
      expect(text(await pageFor(clientId, { prompt: 'consent' }))).toContain(
        `or ${idle} ${idle === 1 ? 'day' : 'days'} without use`,
      );
    },
  );

  it('has the times that are set for it', async () => {
    const other = await startTestServer({
      GATEHOUSE_FIRST_PARTY_REFRESH_IDLE_LIFETIME: '1000',
      GATEHOUSE_FIRST_PARTY_GRANT_LIFETIME: '5000',
      GATEHOUSE_UNTRUSTED_REFRESH_IDLE_LIFETIME: '100',
      GATEHOUSE_UNTRUSTED_GRANT_LIFETIME: '50',
    });
    try {
      const agent = createAgent();
      await signedIn(other, agent, await addPerson(other));
      for (const [trust, idle, absolute] of [
        ['first_party', 1000, 5000],
        ['untrusted', 50, 50],
      ] as const) {
        const { clientId } = await addTestClient(other, { trust });
        const tokens = await connect(other, agent, clientId);
        const { rows } = await other.database.pool.query(
          `SELECT EXTRACT(EPOCH FROM g.expires_at - g.created_at)::int AS absolute,
                  EXTRACT(EPOCH FROM t.expires_at - t.issued_at)::int AS idle
           FROM grants g JOIN refresh_tokens t ON t.grant_id = g.id WHERE g.id = $1`,
          [claimsOf(tokens.access_token)['grant_id']],
        );
        expect(rows[0].absolute).toBe(absolute);
        // Redeemed within the life of the code, of what is left then.
        expect(rows[0].idle).toBeGreaterThan(idle - 30);
        expect(rows[0].idle).toBeLessThanOrEqual(idle);
      }
    } finally {
      await other.stop();
    }
  });

  it('raised: the next token says so, and gives back what was consented to', async () => {
    const clientId = await clientOf('known');
    const tokens = await connect(server, ada, clientId, { scope: ALL });
    await trusted(clientId, 'untrusted');
    const less = await refresh(clientId, tokens.refresh_token);
    expect([less.body.scope, claimsOf(less.body.access_token)['client_trust']]).toEqual([
      'files:read files:write',
      'untrusted',
    ]);
    await trusted(clientId, 'trusted');
    const more = await refresh(clientId, less.body.refresh_token);
    expect([more.body.scope, claimsOf(more.body.access_token)['client_trust']]).toEqual([ALL, 'trusted']);
  });

  it('lowered: what falls out is in the record, with the reason', async () => {
    const clientId = await clientOf('known');
    const tokens = await connect(server, ada, clientId, { scope: ALL });
    await trusted(clientId, 'untrusted');
    const { records } = await observe(server, () => refresh(clientId, tokens.refresh_token));
    expect(records).toEqual([
      expect.objectContaining({
        event: 'refresh.rotated',
        scopes: ['files:read', 'files:write'],
        detail: expect.objectContaining({
          scopes_dropped: [{ scope: 'files:delete', reason: 'above_client_trust' }],
        }),
      }),
    ]);
  });

  it('lowered: what was made before lives no longer than that level allows', async () => {
    const clientId = await clientOf('first_party');
    const tokens = await connect(server, ada, clientId);
    const grant = claimsOf(tokens.access_token)['grant_id'];
    await pass(clientId, 6 * DAY);
    await trusted(clientId, 'untrusted');
    const { status, body } = await refresh(clientId, tokens.refresh_token);
    expect(status).toBe(200);
    expect((await lifetimesOf(grant)).idle).toBeLessThanOrEqual(DAY);
    await pass(clientId, DAY - 100);
    const last = await refresh(clientId, body.refresh_token);
    expect(last.status).toBe(200);
    // A hundred seconds are left of the seven days: no token outlives them.
    const { exp, iat } = claimsOf(last.body.access_token) as { exp: number; iat: number };
    expect(exp - iat).toBeLessThanOrEqual(100);
    expect((await lifetimesOf(grant)).idle).toBeLessThanOrEqual(100);
    await pass(clientId, 100);
    const over = await observe(server, () => refresh(clientId, last.body.refresh_token));
    expect([over.value.status, over.value.body.error]).toEqual([400, 'invalid_grant']);
    expect(over.records).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'absolute_expiry', client: clientId }),
    ]);
    // What was promised when it was made is not made longer by a level that is higher later.
    await trusted(clientId, 'known');
    expect((await refresh(clientId, last.body.refresh_token)).status).toBe(400);
  });

  it('blocked: refused in words on a page, 401 at the token endpoint, and nothing of it is spent', async () => {
    const clientId = await clientOf('known');
    const tokens = await connect(server, ada, clientId);
    await trusted(clientId, 'blocked');
    const refused = await askFor(server, step, clientId);
    expectRefusedOnPage(refused, { reason: 'client_blocked' });
    expect(text(refused.value)).toContain('This program is blocked here');
    const { value, records } = await observe(server, () => refresh(clientId, tokens.refresh_token));
    expect([value.status, value.body.error]).toEqual([401, 'invalid_client']);
    expect(records).toEqual([
      expect.objectContaining({ event: 'client.authentication_failed', reason: 'client_blocked' }),
    ]);
    await trusted(clientId, 'known');
    expect((await refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });

  it('blocked while somebody decides: the answer leads nowhere', async () => {
    const clientId = await clientOf('known');
    const page = await pageFor(clientId);
    await trusted(clientId, 'blocked');
    const { value: answered, grants } = await observe(server, () =>
      step.submit(page, { decision: 'allow', scope: 'files:read' }),
    );
    expect(answered.status).toBe(400);
    expect(grants).toBe(0);
  });

  it('each change is in the record, with what it was', async () => {
    const clientId = await clientOf('known');
    const { records } = await observe(server, () => trusted(clientId, 'first_party'));
    expect(records).toEqual([
      expect.objectContaining({
        event: 'client.trust_changed',
        outcome: 'success',
        tenant: 'ten_default',
        client: clientId,
        detail: { trust: 'first_party', was: 'known' },
      }),
    ]);
    await expect(trusted('cli_nobody', 'known')).rejects.toThrow(/No client/);
    await expect(trusted('https://app.example/*/client.json', 'known')).rejects.toThrow(/No client/);
  });
});

describe('a server that admits no strangers', () => {
  const admit = (admitted: boolean) => admitStrangers(server.database.prisma, MAIL, admitted, cause);
  beforeEach(() => admit(false));

  it('gives them nothing, says so to the client, and records why', async () => {
    const clientId = await clientOf('untrusted');
    const { value: started } = await askFor(server, step, clientId, { resource: MAIL });
    const {
      value: back,
      records,
      grants,
    } = await observe(server, async () => {
      const answered = await step.get(started.location ?? '');
      return step.get(answered.location ?? '');
    });
    const params = new URL(back.location ?? '').searchParams;
    expect([params.get('error'), params.get('iss')]).toEqual(['access_denied', server.issuer]);
    expect(params.get('error_description')).toMatch(/admits no program/);
    expect(records).toEqual([
      expect.objectContaining({
        event: 'authorization.denied',
        reason: 'strangers_not_admitted',
        client: clientId,
      }),
    ]);
    expect(grants).toBe(0);
  });

  it('gives everybody else what it gave before', async () => {
    for (const trust of ['known', 'trusted', 'first_party'] as const) {
      const tokens = await connect(server, ada, await clientOf(trust), { resource: MAIL });
      expect(tokens.scope).toBe('mail:read');
    }
  });

  it('closed later: a stranger that is connected gets no token any more, until it is open again', async () => {
    await admit(true);
    const clientId = await clientOf('untrusted');
    const tokens = await connect(server, ada, clientId, { resource: MAIL });
    await admit(false);
    const { value, records } = await observe(server, () => refresh(clientId, tokens.refresh_token));
    expect([value.status, value.body.error]).toEqual([400, 'invalid_grant']);
    expect(records).toEqual([
      expect.objectContaining({ event: 'refresh.rejected', reason: 'no_scope_remains' }),
    ]);
    await admit(true);
    expect((await refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });
});

describe('a stranger', () => {
  async function registered(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Notes Helper',
        redirect_uris: ['http://127.0.0.1/callback', WEB],
        token_endpoint_auth_method: 'none',
        ...more,
      }),
    });
    return ((await response.json()) as { client_id: string }).client_id;
  }

  it('K12, MCP 29: that registered itself: that nobody vouches for its name, since when, and where it leads', async () => {
    const words = text(await pageFor(await registered(), { redirect_uri: WEB }));
    expect(words).toContain('It says that its name is “ Notes Helper ”');
    expect(words).toContain('It registered itself here, as any program can, under any name');
    expect(words).toMatch(/first seen \w/);
    expect(words).toContain('the website https://app.example');
    expect(words).toContain('not verified');
    expect(words).not.toContain('could pretend');
  });

  it('K12, MCP 29: with a document: the host that vouches for it, beside a name that proves nothing', async () => {
    const clientId = 'https://web.stranger.example/c.json?name=Claude';
    const words = text(await pageFor(clientId, { redirect_uri: WEB }));
    expect(words).toContain('It says that its name is “ Claude ”');
    expect(words).toContain('Its identity is the web address web.stranger.example , never seen here before');
    expect(words).not.toContain('Any program on a computer can use that address');
  });

  it('K12, MCP 30: whose redirects all lead to this computer: that its address does not prove which program asks', async () => {
    const words = text(await pageFor('https://local.stranger.example/client.json'));
    expect(words).toContain('Its identity is the web address local.stranger.example');
    expect(words).toContain('Any program on a computer can use that address');
    expect(words).toContain('Another program on this computer could pretend to be');
  });

  it('MCP 30: that is known is warned of too, where it leads to this computer', async () => {
    const clientId = 'https://known.stranger.example/client.json';
    await setRule(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: clientId, trust: 'known' },
      cause,
    );
    const words = text(await pageFor(clientId));
    expect(words).not.toContain('This program is not verified');
    expect(words).toContain('Another program on this computer could pretend to be Some App');
  });

  it('B10: with a private-use scheme is shown as unverified, with the scheme, and asked about every time', async () => {
    const uri = 'com.example.app:/cb';
    const clientId = await registered({ redirect_uris: [uri], application_type: 'native' });
    for (let at = 0; at < 2; at += 1) {
      const page = await pageFor(clientId, { redirect_uri: uri });
      expect(page.form?.step).toBe('consent');
      expect(text(page)).toContain('not verified');
      expect(text(page)).toContain('com.example.app: links');
      await step.submit(page, { decision: 'allow', scope: ['files:read'] });
    }
    const silent = await pageFor(clientId, { redirect_uri: uri, prompt: 'none' });
    expect(silent.location).toContain('error=consent_required');
  });

  it('MCP 21: is granted nothing silently, whatever was allowed before, by whom, and at which level', async () => {
    const clientId = 'https://web.silent.example/client.json';
    const params = { redirect_uri: WEB, scope: 'files:read' };
    await setRule(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: clientId, trust: 'trusted' },
      cause,
    );
    await connect(server, ada, clientId, params);
    expect((await pageFor(clientId, { ...params, prompt: 'none' })).location).toContain('code=');

    await setRule(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: clientId, trust: 'untrusted' },
      cause,
    );
    const silent = await askFor(server, step, clientId, { ...params, prompt: 'none' });
    expect(silent.value.location).toBeUndefined();
    expect(silent.value.html).toContain('consent_required');
    expect(silent.grants).toBe(0);
    const page = await pageFor(clientId, params);
    expect(page.form?.step).toBe('consent');
    expect(text(page)).toContain('This program is not verified');
    expect(text(page)).not.toContain('You have allowed before');
  });

  it('K12: is decided about by the browser that came with it, and by no other', async () => {
    const clientId = await registered();
    const page = await pageFor(clientId);
    const eve = createAgent({ follow: false });
    await signedIn(server, eve, person);
    expect((await eve.get(page.url)).status).toBe(400);
    const { value, grants } = await observe(server, () =>
      eve.post(page.form?.action ?? '', new URLSearchParams({ decision: 'allow', scope: 'files:read' })),
    );
    expect(value.status).toBeGreaterThanOrEqual(400);
    expect(grants).toBe(0);
  });

  it.each([
    ['bidi overrides', '\u202eedualC\u202c by \u2066Anthropic\u2069', 'edualC by Anthropic'],
    ['characters of no width', 'Cl\u200bau\u200cd\u200de\u2060\ufeff\u00ad', 'Claude'],
    ['tags and fillers', 'Claude\u{e0041}\u{e007f}\u3164\u115f', 'Claude'],
    ['a pile of marks', `Z${'\u0353'.repeat(300)}`, 'Z\u0353\u0353\u0353'],
    ['many lines', 'Claude\n\n\nverified by\r\nAnthropic', 'Claude verified by Anthropic'],
    ['ten thousand characters', 'x'.repeat(10_000), 'x'.repeat(200), `${'x'.repeat(39)}…`],
    ['markup', '<b>Claude</b>', '<b>Claude</b>'],
  ])('K12: whose name has %s is shown what is left of it', async (_what, name, left, seen = left) => {
    const clientId = await registered({ client_name: name });
    const page = await pageFor(clientId);
    const shown = seen.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    expect(page.html).toContain(`<h1>“<bdi>${shown}</bdi>” asks for access</h1>`);
    const row = await server.database.prisma.client.findUniqueOrThrow({ where: { id: clientId } });
    expect(row.name).toBe(left);
    expect(askedScopes(page)).toEqual(['files:read']);
  });
});
