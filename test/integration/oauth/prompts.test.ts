import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import {
  askFor,
  expectRefusedToClient,
  type RequestParams,
  requestQuery,
} from '../../support/authorization.ts';
import { addPerson, CALLBACK, claimsOf, type Person, pkce, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import { totpCode } from '../../support/totp.ts';
import { walk } from '../../support/walk.ts';

let server: TestServer;
let clientId: string;
let person: Person;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  clientId = (await addTestClient(server)).clientId;
});

afterAll(() => server.stop());

beforeEach(async () => {
  person = await addPerson(server);
  ada = createAgent({ follow: false });
});

/** Where the interaction sends the person: `consent`, `sign-in`, `sign-in-again`. */
async function stepOf(interaction: string): Promise<string> {
  const page = await ada.get(interaction);
  if (page.form) return page.form.step;
  const { pathname, searchParams } = new URL(page.location ?? '');
  expect(pathname).toBe('/sign-in');
  expect(searchParams.get('continue')).toBe(new URL(interaction).pathname);
  return searchParams.get('reauth') === '1' ? 'sign-in-again' : 'sign-in';
}

async function begin(params: RequestParams = {}): Promise<string> {
  const { value: started } = await askFor(server, ada, clientId, params);
  expect(started.location).toMatch(/\/interaction\//);
  return started.location ?? '';
}

/** Puts the sign-in of this person into the past. */
const signedInAgo = (seconds: number) =>
  server.database.pool.query(
    'UPDATE sessions SET auth_time = now() - make_interval(secs => $2) WHERE user_id = $1',
    [person.id, seconds],
  );

describe('prompt', () => {
  it('A6: prompt=none without a session is login_required, and never a code', async () => {
    expectRefusedToClient(await askFor(server, ada, clientId, { prompt: 'none' }), server, {
      error: 'login_required',
      reason: 'login_required',
      event: 'authorization.denied',
    });
  });

  it('A6: prompt=none with a session and no consent is consent_required, and never a code', async () => {
    await signedIn(server, ada, person);
    const refused = await askFor(server, ada, clientId, { prompt: 'none' });
    expectRefusedToClient(refused, server, {
      error: 'consent_required',
      reason: 'consent_required',
      event: 'authorization.denied',
    });
    expect(refused.records[0]).toMatchObject({ client: clientId, subject: person.id });
  });

  it('A6: prompt=none with a session that ended, or whose person is disabled, is login_required', async () => {
    await signedIn(server, ada, person);
    await server.database.prisma.user.update({ where: { id: person.id }, data: { disabledAt: new Date() } });
    expectRefusedToClient(await askFor(server, ada, clientId, { prompt: 'none' }), server, {
      error: 'login_required',
      reason: 'login_required',
      event: 'authorization.denied',
    });
  });

  it('without a session the person signs in first and is asked then', async () => {
    const interaction = await begin();
    expect(await stepOf(interaction)).toBe('sign-in');
    await signedIn(server, ada, person);
    expect(await stepOf(interaction)).toBe('consent');
  });

  it.each(['login', 'login consent', 'consent login'])(
    'M12, MCP 28: prompt=%s asks for a sign-in even of somebody who signed in a moment ago',
    async (prompt) => {
      await signedIn(server, ada, person);
      const interaction = await begin({ prompt });
      expect(await stepOf(interaction)).toBe('sign-in-again');
      await signedIn(server, ada, person);
      expect(await stepOf(interaction)).toBe('consent');
    },
  );

  it('prompt=login without a session asks for one sign-in, not for two', async () => {
    const interaction = await begin({ prompt: 'login' });
    expect(await stepOf(interaction)).toBe('sign-in');
    await signedIn(server, ada, person);
    expect(await stepOf(interaction)).toBe('consent');
  });

  it('M12: a sign-in that was asked for and cancelled yields no code with the old one', async () => {
    await signedIn(server, ada, person);
    const interaction = await begin({ prompt: 'login' });
    const uid = interaction.split('/').at(-1);
    const other = await begin();
    const page = await ada.get(other);
    const csrf = page.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';

    const allowed = await observe(server, () =>
      ada.post(interaction, new URLSearchParams({ csrf, decision: 'allow', scope: 'files:read' })),
    );
    expect(allowed.value.status).toBe(403);
    expect(allowed.records).toEqual([
      expect.objectContaining({ event: 'consent.rejected', reason: 'sign_in_too_old' }),
    ]);
    const resumed = await observe(server, () => ada.get(`${server.issuer}/authorize/${uid}`));
    expect(resumed.value.location).toMatch(/\/interaction\//);
    expect(await stepOf(resumed.value.location ?? '')).toBe('sign-in-again');
    expect([allowed.grants, resumed.grants]).toEqual([0, 0]);
  });

  it('M12: somebody else’s older session does not stand in for the sign-in that was asked for', async () => {
    await signedIn(server, ada, person);
    const interaction = await begin({ prompt: 'login' });
    person = await addPerson(server);
    await signedIn(server, ada, person);
    await signedInAgo(3600);
    expect(await stepOf(interaction)).toBe('sign-in-again');
  });

  it('prompt=login with consent that is remembered goes on after the sign-in, silently', async () => {
    const trusted = await addTestClient(server, {
      redirectUris: ['https://app.example/cb'],
      trust: 'first_party',
    });
    await signedIn(server, ada, person);
    const params = { redirect_uri: 'https://app.example/cb', prompt: 'login' };
    const { value: started } = await askFor(server, ada, trusted.clientId, params);
    expect(await stepOf(started.location ?? '')).toBe('sign-in-again');
    await signedIn(server, ada, person);
    const on = await ada.get(started.location ?? '');
    const { value: back, grants } = await observe(server, () => ada.get(on.location ?? ''));
    expect(back.location).toMatch(/^https:\/\/app\.example\/cb\?code=/);
    expect(grants).toBe(1);
  });

  it('a sign-in alone never passes for consent that was not given', async () => {
    const trusted = await addTestClient(server, {
      redirectUris: ['https://app.example/cb'],
      trust: 'trusted',
    });
    const params = { redirect_uri: 'https://app.example/cb' };
    const { value: started } = await askFor(server, ada, trusted.clientId, params);
    expect(await stepOf(started.location ?? '')).toBe('sign-in');
    await signedIn(server, ada, person);
    expect(await stepOf(started.location ?? '')).toBe('consent');
  });

  it('REP-M1: prompt=select_account shows the user and a way to switch, however much is remembered', async () => {
    const trusted = await addTestClient(server, {
      redirectUris: ['https://app.example/cb'],
      trust: 'first_party',
    });
    await signedIn(server, ada, person);
    const params = { redirect_uri: 'https://app.example/cb', prompt: 'select_account' };
    const { value: started } = await askFor(server, ada, trusted.clientId, params);
    expect(await stepOf(started.location ?? '')).toBe('consent');
    const page = await ada.get(started.location ?? '');
    expect(page.html).toContain(person.email);
    const [, switching = ''] = /href="([^"]*reauth=1[^"]*)"/.exec(page.html) ?? [];
    expect((await ada.get(new URL(switching.replaceAll('&amp;', '&'), server.issuer).href)).html).toContain(
      'name="email"',
    );
  });

  it.each(['select_account none', 'create', 'bogus', 'none login', 'none none consent', 'NONE'])(
    'prompt=%s is invalid',
    async (prompt) => {
      await signedIn(server, ada, person);
      expectRefusedToClient(await askFor(server, ada, clientId, { prompt }), server, {
        error: 'invalid_request',
        reason: 'prompt',
      });
    },
  );
});

describe.each([
  ['without openid', 'files:read'],
  ['with openid', 'openid files:read'],
])('max_age, %s', (_name, scope) => {
  beforeEach(() => signedIn(server, ada, person));

  it('asks for a sign-in when the last one is older, and only then', async () => {
    await signedInAgo(120);
    expect(await stepOf(await begin({ scope, max_age: '60' }))).toBe('sign-in-again');
    expect(await stepOf(await begin({ scope, max_age: '600' }))).toBe('consent');
  });

  it('max_age=0 asks even somebody who signed in a moment ago', async () => {
    const interaction = await begin({ scope, max_age: '0' });
    expect(await stepOf(interaction)).toBe('sign-in-again');
    await signedIn(server, ada, person);
    expect(await stepOf(interaction)).toBe('consent');
  });

  it('with prompt=none it is login_required', async () => {
    await signedInAgo(120);
    expectRefusedToClient(
      await askFor(server, ada, clientId, { scope, max_age: '60', prompt: 'none' }),
      server,
      { error: 'login_required', reason: 'login_required', event: 'authorization.denied' },
    );
  });

  it('a sign-in that answers it carries through to the token, however long consent takes', async () => {
    await signedInAgo(120);
    const { verifier, challenge } = pkce();
    const interaction = await begin({ scope, max_age: '1', code_challenge: challenge });
    await signedIn(server, ada, person);
    await signedInAgo(30);
    const page = await ada.get(interaction);
    expect(page.form?.step).toBe('consent');
    const answered = await ada.submit(page, { decision: 'allow', scope: 'files:read' });
    const back = await ada.get(answered.location ?? '');
    const { body } = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: new URL(back.location ?? '').searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: CALLBACK,
    });
    const authTime = Number(claimsOf(body.access_token)['auth_time']);
    expect(Date.now() / 1000 - authTime).toBeGreaterThanOrEqual(29);
    expect(Date.now() / 1000 - authTime).toBeLessThan(60);
  });

  it.each(['-1', 'abc', '1.5', '1e3', '0x10', '99999999999999999999', ' 60'])(
    'max_age=%j is invalid',
    async (maxAge) => {
      expectRefusedToClient(await askFor(server, ada, clientId, { scope, max_age: maxAge }), server, {
        error: 'invalid_request',
        reason: 'max_age',
      });
    },
  );
});

it('a parameter of ours that a client sends for itself means nothing', async () => {
  await signedIn(server, ada, person);
  await signedInAgo(120);
  expect(await stepOf(await begin({ plain_max_age: '1' }))).toBe('consent');
  expect(await stepOf(await begin({ plain_max_age: '99999', max_age: '1' }))).toBe('sign-in-again');
});

it('what OpenID Connect defines means nothing without openid, and refuses nothing', async () => {
  await signedIn(server, ada, person);
  const interaction = await begin({
    nonce: 'n',
    claims: '{"id_token":{"acr":{"essential":true}}}',
    acr_values: 'phr',
    id_token_hint: 'x.y.z',
    ui_locales: 'de',
    display: 'popup',
    login_hint: 'ada@example.com',
  });
  expect(await stepOf(interaction)).toBe('consent');
});

it.each(['eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', 'x', 'a'.repeat(4000)])(
  'an id_token_hint is not used, so that %j can neither refuse nor choose anything',
  async (hint) => {
    await signedIn(server, ada, person);
    const page = await ada.get(await begin({ scope: 'openid files:read', id_token_hint: hint }));
    expect(page.form?.step).toBe('consent');
    expect(page.html).toContain(person.email);
  },
);

it('a sign-out of another tab sends the person to the sign-in and back to the same question', async () => {
  await signedIn(server, ada, person);
  const interaction = await begin();
  await server.installation.sessions.endAllOf(server.database.prisma, person.id, 'signed_out', cause);
  expect(await stepOf(interaction)).toBe('sign-in');
  await signedIn(server, ada, person);
  expect(await stepOf(interaction)).toBe('consent');
});

describe('through the sign-in for people', () => {
  const begun = (params: RequestParams) => `${server.issuer}/authorize?${requestQuery(clientId, params)}`;

  it('somebody without a session signs in, allows, and is back at the client with a code', async () => {
    const back = await walk(createAgent(), begun({ state: 'a b&c' }), person);
    expect(back.searchParams.get('code')).toMatch(/^[\w-]{43}$/);
    expect(back.searchParams.get('state')).toBe('a b&c');
  });

  it('a client that is removed meanwhile does not stand in the way of the sign-in, and is refused after it', async () => {
    const { clientId: goes } = await addTestClient(server);
    const agent = createAgent();
    const identify = await agent.get(`${server.issuer}/authorize?${requestQuery(goes)}`);
    expect(identify.html).toContain('Test Client');
    await server.database.prisma.client.update({ where: { id: goes }, data: { removedAt: new Date() } });
    const again = await agent.get(identify.url);
    expect(again.status).toBe(200);
    const password = await agent.submit(again, { email: person.email });
    const code = await agent.submit(password, { password: person.password });
    const refused = await agent.submit(code, { code: totpCode(person.totpSecret) });
    expect(refused.status).toBe(400);
    expect(refused.location).toBeUndefined();
  });

  it('M12: prompt=login asks for password and code of somebody who is signed in, and the token says when', async () => {
    const agent = createAgent();
    await signedIn(server, agent, person);
    await signedInAgo(600);
    const { verifier, challenge } = pkce();
    const start = begun({ prompt: 'login', code_challenge: challenge });
    expect((await agent.get(start)).form?.step).toBe('identify');
    const back = await walk(agent, start, person);
    const { body } = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: back.searchParams.get('code') ?? '',
      code_verifier: verifier,
    });
    const claims = claimsOf(body.access_token);
    expect(Date.now() / 1000 - Number(claims['auth_time'])).toBeLessThan(60);
    expect(claims['acr']).toBe('mfa');
  });

  it('M12: a sign-in that is given up half-way leaves the old session, and no code', async () => {
    const agent = createAgent();
    await signedIn(server, agent, person);
    const { value: page, grants } = await observe(server, async () => {
      const identify = await agent.get(begun({ prompt: 'login' }));
      const password = await agent.submit(identify, { email: person.email });
      const code = await agent.submit(password, { password: person.password });
      expect(code.form?.step).toBe('totp');
      const interaction = new URL(identify.url).searchParams.get('continue') ?? '';
      return agent.get(`${server.issuer}${interaction}`);
    });
    expect(page.form?.step).toBe('identify');
    expect(grants).toBe(0);
  });
});
