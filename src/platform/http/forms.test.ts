import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Answer, formBody, type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

import { field } from './body.ts';

/** A form, what takes it, a script's endpoint, and a sign-in that changes the session. */
const door: Parameters<typeof listenWith>[0] =
  ({ forms, cookies }) =>
  async (ctx) => {
    if (ctx.path === '/form' && ctx.method === 'GET')
      ctx.body = { csrf: forms.token(ctx), again: forms.token(ctx) };
    else if (ctx.path === '/form') ctx.body = { accepted: field(await forms.read(ctx), 'decision') };
    else if (ctx.path === '/json') ctx.body = { accepted: await forms.readJson(ctx) };
    else if (ctx.path === '/signed-in') {
      cookies.set(ctx, 'session', 'new-session', { maxAge: 60 });
      ctx.body = { csrf: forms.token(ctx) };
    } else if (ctx.path === '/who') ctx.body = { session: cookies.get(ctx, 'session') ?? null };
    else if (ctx.path === '/bound') {
      cookies.set(ctx, 'attempt', 'value', { path: '/sign-in' });
      cookies.clear(ctx, 'session');
      ctx.body = {};
    }
  };

const setCookies = (answer: Answer) => answer.headers['set-cookie'] ?? [];
const cookieHeader = (answer: Answer) =>
  setCookies(answer)
    .map((line) => line.split(';')[0])
    .join('; ');

/** The page of the form, as one browser loads it. */
async function load(app: ListeningApp, cookie = '') {
  const answer = await app.ask('/form', { headers: { Cookie: cookie } });
  const { csrf } = JSON.parse(answer.text) as { csrf: string };
  return { csrf, cookie: [cookie, cookieHeader(answer)].filter(Boolean).join('; ') };
}

describe('forms', () => {
  let app: ListeningApp;
  const post = (fields: Record<string, string>, headers: Record<string, string>) => {
    const form = formBody(fields);
    return app.ask('/form', { ...form, headers: { ...form.headers, ...headers } });
  };
  beforeAll(async () => {
    app = await listenWith(door);
  });
  afterAll(() => app.close());

  it('are accepted from the browser that loaded them', async () => {
    const { csrf, cookie } = await load(app);
    const answer = await post(
      { csrf, decision: 'allow' },
      { Cookie: cookie, Origin: app.issuer, 'Sec-Fetch-Site': 'same-origin' },
    );

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({ accepted: 'allow' });
  });

  it('are accepted with `Origin: null`, which our own referrer policy makes browsers send', async () => {
    const { csrf, cookie } = await load(app);

    expect(
      (await post({ csrf }, { Cookie: cookie, Origin: 'null', 'Sec-Fetch-Site': 'same-origin' })).status,
    ).toBe(200);
  });

  it('M5: are refused before any sign-in, too, without the token of this browser', async () => {
    const mine = await load(app);
    const attackers = await load(app);

    for (const [fields, headers] of [
      [{}, { Cookie: mine.cookie }],
      [{ csrf: '' }, { Cookie: mine.cookie }],
      [{ csrf: 'forged' }, { Cookie: mine.cookie }],
      [{ csrf: attackers.csrf }, { Cookie: mine.cookie }],
      [{ csrf: mine.csrf }, {}],
      [{ csrf: attackers.csrf }, {}],
    ] as const) {
      expect((await post(fields, headers)).status).toBe(403);
    }
  });

  it('M5: are refused from another site, whatever they carry', async () => {
    const { csrf, cookie } = await load(app);

    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://evil.example' },
      { Origin: `${app.issuer}.evil.example` },
      { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' },
    ]) {
      expect((await post({ csrf }, { Cookie: cookie, ...headers })).status).toBe(403);
    }
  });

  it('M5: are refused when the session changed since they were loaded', async () => {
    const before = await load(app);
    const signedIn = await app.ask('/signed-in', { headers: { Cookie: before.cookie } });
    const after = `${before.cookie}; ${cookieHeader(signedIn)}`;
    const { csrf } = JSON.parse(signedIn.text) as { csrf: string };

    expect((await post({ csrf: before.csrf }, { Cookie: after })).status).toBe(403);
    expect((await post({ csrf }, { Cookie: after })).status).toBe(200);
  });

  it('are refused in words, on a page', async () => {
    const answer = await post({}, { Accept: 'text/html' });

    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.text).toContain('This form is no longer valid');
    expect(answer.text).toContain('Nothing was changed');
  });

  it('keep the csrf cookie that the browser has, and agree with themselves within one page', async () => {
    const first = await load(app);
    const second = await app.ask('/form', { headers: { Cookie: first.cookie } });
    const { csrf, again } = JSON.parse(second.text) as { csrf: string; again: string };

    expect(setCookies(second)).toEqual([]);
    expect(again).toBe(csrf);
    expect(csrf).toBe(first.csrf);
  });

  it('M5: JSON of a script needs the token in a header', async () => {
    const { csrf, cookie } = await load(app);
    const send = (headers: Record<string, string>) =>
      app.ask('/json', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Cookie: cookie, ...headers },
        body: '{"a":1}',
      });

    expect((await send({})).status).toBe(403);
    expect((await send({ 'X-CSRF-Token': csrf })).status).toBe(200);
  });
});

describe('cookies', () => {
  let plain: ListeningApp;
  let secure: ListeningApp;
  beforeAll(async () => {
    plain = await listenWith(door);
    secure = await listenWith(door, { issuer: 'https://auth.acme.example' });
  });
  afterAll(() => Promise.all([plain.close(), secure.close()]));

  it('M6: on https are bound to this host, Secure, HttpOnly and SameSite=Lax', async () => {
    const [csrf] = setCookies(await secure.ask('/form'));
    expect(csrf).toMatch(/^__Host-gatehouse_csrf=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);

    const [session] = setCookies(await secure.ask('/signed-in'));
    expect(session).toBe(
      '__Host-gatehouse_session=new-session; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure',
    );
  });

  it('M6: with a path carry the prefix for that, and are cleared under their own name', async () => {
    expect(setCookies(await secure.ask('/bound'))).toEqual([
      '__Secure-gatehouse_attempt=value; Path=/sign-in; HttpOnly; SameSite=Lax; Secure',
      '__Host-gatehouse_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure',
    ]);
  });

  it('M6: on http loopback have the same names without prefix', async () => {
    const [session] = setCookies(await plain.ask('/signed-in'));
    expect(session).toBe('gatehouse_session=new-session; Path=/; Max-Age=60; HttpOnly; SameSite=Lax');
  });

  it.each([
    'gatehouse_session=stolen',
    '__Secure-gatehouse_session=stolen',
    '__Host-gatehouse_session=',
    '__Host-gatehouse_session="a b"',
    '__Host-gatehouse_session=a%0d%0ab',
    `__Host-gatehouse_session=${'x'.repeat(2_000)}`,
    'x__Host-gatehouse_session=stolen',
    ';;=;__Host-gatehouse_session',
  ])('M6: %s is nobody, and no fault', async (cookie) => {
    const answer = await secure.ask('/who', { headers: { Cookie: cookie } });

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({ session: null });
  });
});
