import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { createAuthenticator } from '../../support/authenticator.ts';
import { addPerson, type Person, signedIn } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { totpCode } from '../../support/totp.ts';

describe('/account/security', () => {
  let server: TestServer;
  let ada: Person;
  let browser: Agent;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    ada = await addPerson(server);
    browser = createAgent();
    await signedIn(server, browser, ada);
  });

  const url = (path: string) => `${server.issuer}${path}`;
  const csrfOf = (page: Page) => page.form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
  const sendJson = async (agent: Agent, path: string, csrf: string, body: unknown) => {
    const page = await agent.post(url(path), JSON.stringify(body), {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-csrf-token': csrf,
    });
    return { status: page.status, body: JSON.parse(page.html) };
  };
  const age = (minutes: number) =>
    server.database.prisma.session.updateMany({
      where: { userId: ada.id },
      data: { authTime: new Date(Date.now() - minutes * 60_000) },
    });
  const authenticator = () => createAuthenticator({ origin: server.issuer });
  const addPasskey = async (name = '') => {
    const page = await browser.get(url('/account/security/passkeys/add'));
    const device = authenticator();
    const { body: options } = await sendJson(browser, '/account/security/passkeys/options', csrfOf(page), {});
    const response = device.register(options);
    const added = await sendJson(browser, '/account/security/passkeys', csrfOf(page), { response, name });
    return { ...added, device };
  };
  const signInWithPassword = async (agent: Agent, later = 0) => {
    const password = await agent.submit(await agent.get(url('/sign-in')), { email: ada.email });
    const code = await agent.submit(password, { password: ada.password });
    return agent.submit(code, { code: totpCode(ada.totpSecret, Date.now() + later) });
  };
  const passkeys = () => server.database.prisma.passkey.findMany({ where: { userId: ada.id } });
  const removeLinks = (html: string) =>
    [...html.matchAll(/href="([^"]*\/remove)"/g)].map(([, href = '']) => href);

  it('shows how this person signs in, and where they are signed in', async () => {
    const { html } = await browser.get(url('/account/security'));

    expect(html).toContain('You have no passkey.');
    expect(html).toContain('this browser');
    expect(removeLinks(html)).toEqual([]);
  });

  it('adds a passkey under the name that it was given, which then signs in', async () => {
    const { status, body, device } = await addPasskey('Work laptop');
    expect([status, body]).toEqual([200, { location: '/account/security?done=passkey-added' }]);
    const after = await browser.get(url(body.location));
    expect(after.html).toContain('Work laptop');
    expect(after.html).toContain('You can sign in with the new passkey from now on.');

    const elsewhere = createAgent();
    const signIn = await elsewhere.get(url('/sign-in'));
    const { body: options } = await sendJson(elsewhere, '/sign-in/passkey/options', csrfOf(signIn), {});
    const entered = await sendJson(elsewhere, '/sign-in/passkey', csrfOf(signIn), {
      response: device.authenticate(options),
    });
    expect(entered.status).toBe(200);
    expect((await elsewhere.get(url('/account/security'))).html).toContain('Work laptop');
  });

  it('N4: accepts one answer for one challenge, and only the answer to it', async () => {
    const page = await browser.get(url('/account/security/passkeys/add'));
    const csrf = csrfOf(page);
    const { body: options } = await sendJson(browser, '/account/security/passkeys/options', csrf, {});
    const wrong = authenticator().register(options, {
      challenge: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    });
    const right = authenticator().register(options);

    expect((await sendJson(browser, '/account/security/passkeys', csrf, { response: wrong })).status).toBe(
      401,
    );
    expect((await sendJson(browser, '/account/security/passkeys', csrf, { response: right })).status).toBe(
      401,
    );
    expect(await passkeys()).toEqual([]);
  });

  it('N4: an enrolment that one person began gives nobody else a passkey', async () => {
    const page = await browser.get(url('/account/security/passkeys/add'));
    const { body: options } = await sendJson(browser, '/account/security/passkeys/options', csrfOf(page), {});
    const response = authenticator().register(options);
    const eve = await addPerson(server);
    const fresh = createAgent();
    await signedIn(server, fresh, eve);
    for (const cookie of browser.cookies())
      if (cookie.name === 'gatehouse_enrolment') fresh.setCookie(cookie);
    const own = await fresh.get(url('/account/security/sessions/end-others'));
    const stolen = await sendJson(fresh, '/account/security/passkeys', csrfOf(own), { response });

    expect(stolen.status).toBe(403);
    expect(stolen.body.error_description).toBe('the passkey was not accepted');
    expect(await server.database.prisma.passkey.count({ where: { userId: { in: [ada.id, eve.id] } } })).toBe(
      0,
    );
  });

  it('N3: asks for a new sign-in before any change of what signs in, ten minutes after the last', async () => {
    await addPasskey();
    const [passkey] = await passkeys();
    const fresh = await browser.get(url('/account/security/passkeys/add'));
    await age(11);

    const unfollowed = createAgent({ follow: false });
    for (const cookie of browser.cookies()) unfollowed.setCookie(cookie);
    const reauthentication = (continueTo: string) =>
      url(`/sign-in?continue=${encodeURIComponent(continueTo)}&reauth=1`);
    for (const path of ['/account/security/passkeys/add', '/account/security/password']) {
      expect((await unfollowed.get(url(path))).location).toBe(reauthentication(path));
    }
    const csrf = csrfOf(fresh);
    for (const path of [
      `/account/security/passkeys/${passkey?.id}/remove`,
      '/account/security/password/remove',
      '/account/security/password',
    ]) {
      const page = await unfollowed.post(
        url(path),
        new URLSearchParams({ csrf, password: 'a new long password', code: '123456' }),
      );
      expect(page.location).toBe(reauthentication('/account'));
    }
    const options = await sendJson(browser, '/account/security/passkeys/options', csrf, {});
    const answer = await sendJson(browser, '/account/security/passkeys', csrf, { response: {} });
    expect([options.status, answer.status]).toEqual([403, 403]);
    expect(await passkeys()).toHaveLength(1);
    expect(await server.database.prisma.password.count({ where: { userId: ada.id } })).toBe(1);
  });

  it('N3: a session that proves itself again may go on where it was', async () => {
    await age(11);
    const signIn = await browser.get(url('/account/security/password'));
    expect(signIn.html).toContain('Sign in once more');
    expect(signIn.form?.step).toBe('identify');

    const password = await browser.submit(signIn, { email: ada.email });
    const code = await browser.submit(password, { password: ada.password });
    const there = await browser.submit(code, { code: totpCode(ada.totpSecret) });

    expect(there.url).toBe(url('/account/security/password'));
    expect(there.form?.step).toBe('factor');
  });

  it('SEC-L19: removing a passkey, after one confirmation, ends every other session', async () => {
    const { device } = await addPasskey('Old key');
    const byPassword = createAgent();
    await signedIn(server, byPassword, ada);
    const elsewhere = createAgent();
    const signIn = await elsewhere.get(url('/sign-in'));
    const { body: options } = await sendJson(elsewhere, '/sign-in/passkey/options', csrfOf(signIn), {});
    await sendJson(elsewhere, '/sign-in/passkey', csrfOf(signIn), { response: device.authenticate(options) });

    const [link = ''] = removeLinks((await browser.get(url('/account/security'))).html);
    const question = await browser.get(url(link));
    expect(question.html).toContain('Remove the passkey “Old key”?');
    const after = await browser.submit(question, {});

    expect(after.html).toContain('The passkey no longer signs you in.');
    expect(await passkeys()).toEqual([]);
    for (const other of [elsewhere, byPassword])
      expect((await other.get(url('/account'))).form?.step).toBe('identify');
    expect((await browser.get(url('/account'))).form).toBeUndefined();
    const records = await server.database.prisma.auditRecord.findMany({ where: { subject: ada.id } });
    expect(records.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['passkey.registered', 'passkey.removed', 'session.ended']),
    );
  });

  it('the last way in cannot be removed, not even by two removals at once', async () => {
    await addPasskey('One');
    await addPasskey('Two');
    const security = await browser.get(url('/account/security'));
    const confirm = await browser.get(url('/account/security/password/remove'));
    expect((await browser.submit(confirm, {})).html).toContain('no longer sign you in');

    const questions = await Promise.all(
      removeLinks(security.html)
        .filter((href) => href.includes('pky_'))
        .map((href) => browser.get(url(href))),
    );
    const unfollowed = createAgent({ follow: false });
    for (const cookie of browser.cookies()) unfollowed.setCookie(cookie);
    const outcomes = await Promise.all(questions.map((question) => unfollowed.submit(question, {})));

    expect(outcomes.map(({ status }) => status).sort()).toEqual([303, 400]);
    expect(await passkeys()).toHaveLength(1);
    expect(removeLinks((await browser.get(url('/account/security'))).html)).toEqual([]);
  });

  it('SEC-L19: removing the password ends every other session, and keeps the one that did it', async () => {
    await addPasskey('Work laptop');
    const elsewhere = createAgent();
    await signInWithPassword(elsewhere);
    expect((await elsewhere.get(url('/account/security'))).html).toContain('this browser');

    const question = await browser.get(url('/account/security/password/remove'));
    expect(question.html).toContain('Your sessions in other browsers end.');
    const after = await browser.submit(question, {});

    expect(after.html).toContain('no longer sign you in');
    expect((await elsewhere.get(url('/account'))).form?.step).toBe('identify');
    expect((await browser.get(url('/account/security'))).html).toContain('this browser');
  });

  it('SEC-L19: a session signed in with the password ends itself when it removes the password', async () => {
    await addPasskey('Work laptop');
    const own = createAgent();
    await signInWithPassword(own);
    await server.database.prisma.securityNotice.deleteMany({ where: { userId: ada.id } });

    const question = await own.get(url('/account/security/password/remove'));
    expect(question.html).toContain('this session ends too');
    expect((await own.submit(question, {})).html).toContain('You are signed out');
    expect((await own.get(url('/account'))).form?.step).toBe('identify');
  });

  it('SEC-L20: a passkey that was added is shown at the next sign-in, until the person confirms it', async () => {
    await addPasskey('Key of a thief');
    const owner = createAgent();
    const notice = await signInWithPassword(owner);

    expect(notice.url).toContain('/sign-in/notice');
    expect(notice.form?.step).toBe('notice');
    expect(notice.html).toContain('Key of a thief');
    expect(notice.html).toContain('127.0.0.1');
    expect(notice.html).toContain('href="/account/security"');
    for (const page of ['/account/security', '/account']) {
      expect((await owner.get(url(page))).html).toContain('Review them');
    }

    const after = await owner.submit(notice, {});
    expect(after.url).toBe(url('/account'));
    for (const page of ['/account/security', '/account']) {
      expect((await owner.get(url(page))).html).not.toContain('Review them');
    }
    const again = await signInWithPassword(createAgent(), 30_000);
    expect(again.url).toBe(url('/account'));
  });

  it('SEC-L20: an added factor cannot confirm itself, nor another factor that was added with it', async () => {
    const { device } = await addPasskey('Key of a thief');
    const thief = createAgent();
    const signIn = await thief.get(url('/sign-in'));
    const csrf = csrfOf(signIn);
    const { body: options } = await sendJson(thief, '/sign-in/passkey/options', csrf, {});
    const entered = await sendJson(thief, '/sign-in/passkey', csrf, {
      response: device.authenticate(options),
    });
    expect(entered.body.location).toBe('/account');

    const page = await thief.get(url('/account/security/password'));
    const secret = /<code class="secret">([^<]+)<\/code>/.exec(page.html)?.[1]?.replaceAll(' ', '') ?? '';
    await thief.submit(page, { password: 'a password of the thief', code: totpCode(secret) });
    const ids = (await server.database.prisma.securityNotice.findMany({ where: { userId: ada.id } })).map(
      ({ id }) => id,
    );
    expect(ids).toHaveLength(2);

    const form = await thief.get(url('/account/security/sessions/end-others'));
    const body = new URLSearchParams({ csrf: csrfOf(form), ids: ids.join(' ') });
    await thief.post(url('/sign-in/notice'), body);
    expect(await server.database.prisma.securityNotice.count({ where: { userId: ada.id } })).toBe(2);
  });

  it('NEW-15: a passkey without a name is called after its browser and the day', async () => {
    const page = await browser.get(url('/account/security/passkeys/add'));
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-csrf-token': csrfOf(page),
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36',
    };
    const asked = await browser.post(url('/account/security/passkeys/options'), '{}', headers);
    const response = authenticator().register(JSON.parse(asked.html));
    await browser.post(url('/account/security/passkeys'), JSON.stringify({ response, name: '' }), headers);

    expect((await passkeys()).map(({ name }) => name)).toEqual([
      expect.stringMatching(/^Chrome on Linux, \d{1,2} [A-Z][a-z]+ \d{4}$/),
    ]);
  });

  it('sets password and code together, with a session made anew and every other ended', async () => {
    const elsewhere = createAgent();
    await signedIn(server, elsewhere, ada);
    const before = browser.cookies().find(({ name }) => name === 'gatehouse_session')?.value;
    const page = await browser.get(url('/account/security/password'));
    const secret = /<code class="secret">([^<]+)<\/code>/.exec(page.html)?.[1]?.replaceAll(' ', '') ?? '';
    const password = 'seven green elephants';

    const wrong = await browser.submit(page, { password, code: '000000' });
    expect(wrong.status).toBe(400);
    expect(wrong.html).toContain('The code is not right.');
    expect(wrong.html).toContain(secret.slice(0, 4));
    const short = await browser.submit(page, { password: 'short', code: totpCode(secret) });
    expect(short.html).toContain('at least 12');
    const after = await browser.submit(page, { password, code: totpCode(secret) });

    expect(after.html).toContain('Password and authenticator app are set.');
    const now = browser.cookies().findLast(({ name }) => name === 'gatehouse_session')?.value;
    expect(now).not.toBe(before);
    expect((await elsewhere.get(url('/account'))).form?.step).toBe('identify');
    const old = createAgent();
    old.setCookie({ name: 'gatehouse_session', value: before ?? '', path: '/' });
    expect((await old.get(url('/account'))).form?.step).toBe('identify');

    const anew = createAgent();
    const identify = await anew.get(url('/sign-in'));
    const passwordPage = await anew.submit(identify, { email: ada.email });
    const codePage = await anew.submit(passwordPage, { password });
    const inside = await anew.submit(codePage, { code: totpCode(secret, Date.now() + 30_000) });
    expect(inside.url).toBe(url('/account'));
  });

  it('N9: ends one session, all others, and its own', async () => {
    const [phone, tablet] = [createAgent(), createAgent()];
    await signedIn(server, phone, ada);
    await signedIn(server, tablet, ada);
    const ends = (html: string) =>
      [...html.matchAll(/href="([^"]*sessions\/ses_[^"]*)"/g)].map(([, href = '']) => href);

    const security = await browser.get(url('/account/security'));
    expect(ends(security.html)).toHaveLength(3);
    await browser.submit(await browser.get(url('/account/security/sessions/end-others')), {});
    expect((await phone.get(url('/account'))).form?.step).toBe('identify');
    expect((await tablet.get(url('/account'))).form?.step).toBe('identify');

    const [own = ''] = ends((await browser.get(url('/account/security'))).html);
    const question = await browser.get(url(own));
    expect(question.html).toContain('Sign out here?');
    const out = await browser.submit(question, {});
    expect(out.html).toContain('You are signed out');
    expect((await browser.get(url('/account'))).form?.step).toBe('identify');
  });

  it("N9: somebody else's session cannot be ended", async () => {
    const [session] = await server.database.prisma.session.findMany({ where: { userId: ada.id } });
    const eve = createAgent();
    await signedIn(server, eve, await addPerson(server));
    const form = await eve.get(url('/account/security/sessions/end-others'));
    await eve.post(
      url(`/account/security/sessions/${session?.id}/end`),
      new URLSearchParams({ csrf: csrfOf(form) }),
    );

    expect((await browser.get(url('/account/security'))).html).toContain('this browser');
  });
});
