import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { csrfOf, type Harness, PASSWORD, signIn, startSignIn, whoAmI } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startSignIn();
});
afterAll(() => harness.stop());

describe('/sign-in with password and code', () => {
  it('shows each step on a page of its own and ends where it was asked to', async () => {
    const ada = await harness.addUser('ada@example.com');
    const browser = harness.browser();

    const identify = await browser.open('/sign-in?continue=%2Finteraction%2Fabc%3Fx%3D1');
    expect(identify.form?.step).toBe('identify');
    expect(identify.html).toContain('autocomplete="username webauthn"');

    const password = await browser.submit(identify, { email: 'ADA@Example.com ' });
    expect(password.form?.step).toBe('password');
    expect(password.html).toContain('autocomplete="current-password"');

    const code = await browser.submit(password, { password: ada.password });
    expect(code.form?.step).toBe('totp');
    expect(code.html).toContain('autocomplete="one-time-code"');
    expect(await whoAmI(browser)).toBeUndefined();

    const end = await browser.submit(code, { code: harness.code(ada.secret) });
    expect(end.url).toBe(`${harness.issuer}/interaction/abc?x=1`);
    expect(await whoAmI(browser)).toMatchObject({ id: ada.id });

    const session = (await harness.installation.sessions.list(ada.id))[0];
    expect(session).toMatchObject({ acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] });
    expect(await harness.audit('signin.succeeded')).toHaveLength(1);
  });

  it('goes straight on for somebody who is signed in, unless asked to prove it again', async () => {
    const grace = await harness.addUser('grace@example.com');
    const browser = harness.browser();
    await signIn(browser, { ...grace, code: harness.code(grace.secret) });

    expect((await browser.open('/sign-in?continue=/there')).url).toBe(`${harness.issuer}/there`);
    const again = await browser.open('/sign-in?continue=/there&reauth=1');
    expect(again.form?.step).toBe('identify');
    expect(again.html).toContain('value="grace@example.com"');
  });

  it.each(['//evil.example', 'https://evil.example', '/\\evil.example', '/\t/evil.example'])(
    'never leads to another site: %j',
    async (target) => {
      const user = await harness.addUser(`open-${Math.random()}@example.com`);
      const browser = harness.browser();
      const end = await signIn(
        browser,
        { ...user, code: harness.code(user.secret) },
        `/sign-in?continue=${encodeURIComponent(target)}`,
      );
      expect(end.url).toBe(`${harness.issuer}/account`);
    },
  );

  it('answers a wrong password, a wrong code and an unknown address with the same page', async () => {
    const user = await harness.addUser('known@example.com');
    const right = harness.code(user.secret);
    const wrong = right === '000000' ? '000001' : '000000';
    const tries = [
      { email: 'known@example.com', password: 'not the password', code: right },
      { email: 'known@example.com', password: PASSWORD, code: wrong },
      { email: 'nobody@example.com', password: PASSWORD, code: right },
    ];
    const pages: string[] = [];
    for (const attempt of tries) {
      const browser = harness.browser();
      const end = await signIn(browser, attempt);
      expect(end.status).toBe(403);
      expect(await whoAmI(browser)).toBeUndefined();
      pages.push(end.html.replaceAll(attempt.email, 'E-MAIL').replace(/name="csrf" value="[^"]*"/, ''));
    }
    expect(new Set(pages).size).toBe(1);

    const reasons = (await harness.audit('signin.failed')).map(({ reason, subject }) => [reason, subject]);
    expect(reasons).toEqual([
      ['password_not_proven', user.id],
      ['wrong_code', user.id],
      ['unknown_user', null],
    ]);
  });

  it('takes the same time for an unknown address as for a known one', async () => {
    await harness.addUser('timed@example.com');
    const { passwords, users } = harness.installation;
    const once = async (email: string) => {
      const start = performance.now();
      const user = await users.findByEmail(email);
      await passwords.verify(user?.id, 'a wrong password');
      return performance.now() - start;
    };
    let known = Number.POSITIVE_INFINITY;
    let unknown = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 12; round += 1) {
      known = Math.min(known, await once('timed@example.com'));
      unknown = Math.min(unknown, await once('not-timed@example.com'));
    }

    // A hash takes some 20 ms, everything else some 2: a missing hash would be a factor of ten.
    expect(unknown).toBeGreaterThan(known / 3);
    expect(unknown).toBeLessThan(known * 3);
  });

  it('does not sign in a disabled person, and ends what they had', async () => {
    const user = await harness.addUser('leaver@example.com');
    const browser = harness.browser();
    await signIn(browser, { ...user, code: harness.code(user.secret) });
    await harness.installation.users.disable(user.id, harness.cause);
    expect(await whoAmI(browser)).toBeUndefined();

    harness.advance(30);
    const end = await signIn(harness.browser(), { ...user, code: harness.code(user.secret) });
    expect(end.status).toBe(403);
  });

  it('N3: a password without a second factor makes no session', async () => {
    const { users } = harness.installation;
    await users.add(
      { tenant: DEFAULT_TENANT, email: 'one@example.com', name: 'One', password: PASSWORD },
      harness.cause,
    );
    const browser = harness.browser();

    const end = await signIn(browser, { email: 'one@example.com', password: PASSWORD, code: '123456' });

    expect(end.status).toBe(403);
    expect(await whoAmI(browser)).toBeUndefined();
    expect((await harness.audit('signin.failed')).at(-1)).toMatchObject({ reason: 'second_factor_missing' });
  });

  it('N3: after the password alone, nothing is signed in, and an empty code is refused', async () => {
    const user = await harness.addUser('half@example.com');
    const browser = harness.browser();
    const password = await browser.submit(await browser.open('/sign-in'), { email: user.email });
    const code = await browser.submit(password, { password: user.password });

    expect(await whoAmI(browser)).toBeUndefined();
    expect((await browser.submit(code, {})).status).toBe(403);
    expect(await harness.installation.sessions.list(user.id)).toEqual([]);
  });

  it('N3: the code without the password is refused', async () => {
    const user = await harness.addUser('skip@example.com');
    const browser = harness.browser();
    await browser.submit(await browser.open('/sign-in'), { email: user.email });
    const code = await browser.open('/sign-in/totp');

    expect((await browser.submit(code, { code: harness.code(user.secret) })).status).toBe(403);
    expect(await whoAmI(browser)).toBeUndefined();
  });

  it('NEW-15: a wrong code stays at the code step, and the right one then signs in', async () => {
    const user = await harness.addUser('once@example.com');
    const browser = harness.browser();
    const password = await browser.submit(await browser.open('/sign-in'), { email: user.email });
    const code = await browser.submit(password, { password: user.password });
    const again = await browser.submit(code, { code: '000000' });

    expect([again.status, again.form?.step]).toEqual([403, 'totp']);
    expect((await browser.submit(again, { code: harness.code(user.secret) })).status).toBe(200);
    expect(await whoAmI(browser)).toMatchObject({ email: user.email });
  });

  it('NEW-15: after a wrong password the code step fails with the same page, and leads back to the password', async () => {
    const user = await harness.addUser('mistyped@example.com');
    const browser = harness.browser();
    const password = await browser.submit(await browser.open('/sign-in'), { email: user.email });
    const code = await browser.submit(password, { password: 'not the password' });
    const refused = await browser.submit(code, { code: harness.code(user.secret) });
    expect([refused.status, refused.form?.step]).toEqual([403, 'totp']);

    const link = /href="([^"]*\/sign-in\/password[^"]*)"/.exec(refused.html)?.[1] ?? '';
    const back = await browser.open(link.replaceAll('&amp;', '&'));
    const next = await browser.submit(back, { password: user.password });
    expect((await browser.submit(next, { code: harness.code(user.secret) })).status).toBe(200);
  });

  it('NEW-15: every step offers help that does not depend on the address', async () => {
    const user = await harness.addUser('help@example.com');
    const helps = [];
    for (const email of [user.email, 'nobody-has-it@example.com']) {
      const browser = harness.browser();
      const identify = await browser.open('/sign-in');
      const password = await browser.submit(identify, { email });
      const code = await browser.submit(password, { password: 'whatever it is' });
      helps.push(
        ...[identify, password, code].map(
          ({ html }) => /<details[\s\S]*<\/details>/.exec(html)?.[0] ?? 'none',
        ),
      );
    }
    expect(new Set(helps).size).toBe(1);
    expect(helps[0]).toContain('ask an administrator');
  });

  it('an attempt ends after ten answers', async () => {
    const user = await harness.addUser('ten@example.com');
    const browser = harness.browser();
    let page = await browser.submit(await browser.open('/sign-in'), { email: user.email });
    page = await browser.submit(page, { password: user.password });
    for (let round = 0; round < 10; round += 1) {
      page = await browser.submit(page, { code: '000000' });
      expect(page.form?.step).toBe('totp');
    }
    const end = await browser.submit(page, { code: harness.code(user.secret) });

    expect(end.form?.step).toBe('identify');
    expect(end.status).toBe(403);
  });

  it('N2: fifty parallel posts of one right code sign in once', async () => {
    const user = await harness.addUser('fifty@example.com');
    const code = harness.code(user.secret);
    const { signIn: door } = harness.installation;
    const tokens: string[] = [];
    for (let count = 0; count < 50; count += 1) {
      const token = await door.begin(user.email);
      tokens.push((await door.password(token, user.password, '127.0.0.1')) ?? '');
    }

    const results = await Promise.all(
      tokens.map((token) => door.code(token, code, { origin: harness.origin })),
    );

    expect(results.filter(({ outcome }) => outcome === 'signed_in')).toHaveLength(1);
    expect(await harness.installation.sessions.list(user.id)).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'refused')).toHaveLength(49);
    const replays = (await harness.audit('signin.failed')).filter(({ reason }) => reason === 'code_replayed');
    // The first of its kind; the others are counted when their minute ends.
    expect(replays.map(({ subject }) => subject)).toContain(user.id);
  });

  it('N2: a code is accepted once, and within one step of the present', async () => {
    const user = await harness.addUser('window@example.com');
    const judge = async (code: string) =>
      (await signIn(harness.browser(), { ...user, code })).status === 200 ? 'accepted' : 'refused';

    const present = harness.code(user.secret);
    expect(await judge(present)).toBe('accepted');
    expect(await judge(present)).toBe('refused');

    harness.advance(60);
    const old = harness.code(user.secret);
    harness.advance(60);
    expect(await judge(old)).toBe('refused');

    const previous = harness.code(user.secret);
    harness.advance(30);
    expect(await judge(previous)).toBe('accepted');
  });
});

describe('sessions and forms', () => {
  it('M4: a session id from before the sign-in is worth nothing, and proving it again replaces the token', async () => {
    const user = await harness.addUser('rotate@example.com');
    const browser = harness.browser();
    const planted = 'A'.repeat(43);
    browser.plant('gatehouse_session', planted);
    await signIn(browser, { ...user, code: harness.code(user.secret) });
    const first = browser.cookie('gatehouse_session');
    expect(first).not.toBe(planted);
    const before = await whoAmI(browser);

    harness.advance(30);
    await signIn(browser, { ...user, code: harness.code(user.secret) }, '/sign-in?reauth=1');
    const second = browser.cookie('gatehouse_session');
    expect(second).not.toBe(first);
    expect(await whoAmI(browser)).toEqual(before);

    const thief = harness.browser();
    thief.plant('gatehouse_session', first ?? '');
    expect(await whoAmI(thief)).toBeUndefined();
  });

  it('M4: another person who signs in ends the session that was there', async () => {
    const one = await harness.addUser('first@example.com');
    const two = await harness.addUser('second@example.com');
    const browser = harness.browser();
    await signIn(browser, { ...one, code: harness.code(one.secret) });
    await signIn(browser, { ...two, code: harness.code(two.secret) }, '/sign-in?reauth=1');

    expect(await whoAmI(browser)).toMatchObject({ id: two.id });
    expect(await harness.installation.sessions.list(one.id)).toEqual([]);
  });

  it('M4: a planted attempt does not share in what its victim proves', async () => {
    const user = await harness.addUser('planted@example.com');
    const attacker = harness.browser();
    await attacker.submit(await attacker.open('/sign-in'), { email: user.email });
    const planted = attacker.cookie('gatehouse_attempt') ?? '';
    const victim = harness.browser();
    victim.plant('gatehouse_attempt', planted, '/sign-in');
    await victim.submit(await victim.open('/sign-in/password'), { password: user.password });
    expect(victim.cookie('gatehouse_attempt')).not.toBe(planted);

    const code = harness.code(user.secret);
    expect((await attacker.open('/sign-in/totp')).form?.step).toBe('identify');
    expect(await harness.installation.signIn.code(planted, code, { origin: harness.origin })).toEqual({
      outcome: 'expired',
    });
  });

  it('M10: what was typed as an address is shown as text', async () => {
    const browser = harness.browser();
    const page = await browser.submit(await browser.open('/sign-in'), {
      email: '"><script>alert(1)</script>@example.com',
    });
    expect(page.form?.step).toBe('password');
    expect(page.html).not.toContain('<script>alert');
  });

  it('M5: a form that was not made for this browser signs nobody in', async () => {
    const attacker = await harness.addUser('attacker@example.com');
    const own = harness.browser();
    const prepared = await own.submit(
      await own.submit(await own.open('/sign-in'), { email: attacker.email }),
      {
        password: attacker.password,
      },
    );
    const victim = harness.browser();
    victim.plant('gatehouse_attempt', own.cookie('gatehouse_attempt') ?? '', '/sign-in');

    const end = await victim.submit(prepared, { code: harness.code(attacker.secret) });

    expect(end.status).toBe(403);
    expect(await whoAmI(victim)).toBeUndefined();
    expect((await harness.audit('signin.rejected')).at(-1)).toMatchObject({ reason: 'form_token' });
  });

  it('M5: a form sent by another site is refused even with its token', async () => {
    const browser = harness.browser();
    const page = await browser.open('/sign-in');
    const csrf = csrfOf(page);

    for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
      const body = new URLSearchParams({ csrf, email: 'ada@example.com' });
      expect((await browser.post('/sign-in', body, headers)).status).toBe(403);
    }
  });

  it('M6: the cookies are HttpOnly and SameSite=Lax, and a tampered one is nobody', async () => {
    const user = await harness.addUser('cookie@example.com');
    const browser = harness.browser();
    const password = await browser.submit(await browser.open('/sign-in'), { email: user.email });
    const code = await browser.submit(password, { password: user.password });
    const body = new URLSearchParams({ csrf: csrfOf(code), code: harness.code(user.secret) });
    const response = await fetch(`${harness.issuer}/sign-in/totp`, {
      method: 'POST',
      body,
      redirect: 'manual',
      headers: {
        cookie: ['attempt', 'csrf']
          .map((name) => `gatehouse_${name}=${browser.cookie(`gatehouse_${name}`)}`)
          .join('; '),
      },
    });

    const lines = response.headers.getSetCookie();
    const session = /^gatehouse_session=([^;]+)/.exec(
      lines.find((line) => line.includes('_session=')) ?? '',
    )?.[1];
    expect(session).toHaveLength(43);
    for (const line of lines) expect(line).toMatch(/; HttpOnly; SameSite=Lax$/);
    for (const value of ['', 'x', '%00', `${session}x`, 'a'.repeat(5000)]) {
      const other = harness.browser();
      other.plant('gatehouse_session', value);
      expect(await whoAmI(other)).toBeUndefined();
    }
  });

  it('signs out after a question, and the token opens nothing afterwards', async () => {
    const user = await harness.addUser('leave@example.com');
    const browser = harness.browser();
    await signIn(browser, { ...user, code: harness.code(user.secret) });
    const token = browser.cookie('gatehouse_session') ?? '';

    const question = await browser.open('/sign-out');
    expect(await whoAmI(browser)).toMatchObject({ id: user.id });
    expect((await browser.submit(question, {})).html).toContain('You are signed out');

    expect(browser.cookie('gatehouse_session')).toBeUndefined();
    browser.plant('gatehouse_session', token);
    expect(await whoAmI(browser)).toBeUndefined();
    expect((await harness.audit('signout.succeeded')).at(-1)).toMatchObject({ subject: user.id });
  });
});
