import type { PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { createAuthenticator } from '../../support/authenticator.ts';
import { type Harness, PASSWORD, signIn, startSignIn, type Visitor, whoAmI } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startSignIn();
});
afterAll(() => harness.stop());

let people = 0;
/** A person who was just added, and their link. */
async function addPending(more: { readonly password?: string } = {}) {
  people += 1;
  const email = `new${people}@example.com`;
  const { id, enrolment } = await harness.installation.users.add(
    { tenant: DEFAULT_TENANT, email, name: 'Grace Hopper', ...more },
    harness.cause,
  );
  if (!enrolment) throw new Error('there is no link');
  return { id, email, url: enrolment.url };
}

const secretOf = (html: string) => /class="secret">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '';
const links = (userId: string) => harness.database.prisma.oneTimeLink.findMany({ where: { userId } });

async function enrolPasskey(browser: Visitor, url: string) {
  const authenticator = createAuthenticator({ origin: harness.issuer });
  const page = await browser.open(url);
  const options = await browser.postJson(page, '/enrol/passkey/options', {});
  const response = authenticator.register(JSON.parse(options.html) as PublicKeyCredentialCreationOptionsJSON);
  return { page, authenticator, answer: await browser.postJson(page, '/enrol/passkey', { response }) };
}

/** Uses a link with a password and a code. */
async function enrolPassword(browser: Visitor, url: string, password = PASSWORD) {
  const page = await browser.open(url);
  const secret = secretOf(page.html);
  return { page, secret, end: await browser.submit(page, { password, code: harness.code(secret) }) };
}

describe('/enrol', () => {
  it('NEW-3: makes a passkey through the link of user add, which then signs in', async () => {
    const person = await addPending();
    const browser = harness.browser();
    const { page, authenticator, answer } = await enrolPasskey(browser, person.url);

    expect(page.url).toBe(`${harness.issuer}/enrol`);
    expect(page.html).toContain('Grace Hopper');
    expect(JSON.parse(answer.html)).toEqual({ location: '/account?done=enrolled' });
    expect(await whoAmI(browser)).toMatchObject({ id: person.id });

    const elsewhere = harness.browser();
    const identify = await elsewhere.open('/sign-in');
    const request = await elsewhere.postJson(identify, '/sign-in/passkey/options', {});
    const response = authenticator.authenticate(JSON.parse(request.html));
    expect((await elsewhere.postJson(identify, '/sign-in/passkey', { response })).status).toBe(200);
    expect(await whoAmI(elsewhere)).toMatchObject({ id: person.id });
  });

  it('NEW-3: makes a password together with a second factor, never a password alone', async () => {
    const person = await addPending();
    const browser = harness.browser();
    const page = await browser.open(person.url);
    const alone = await browser.submit(page, { password: PASSWORD, code: '' });
    expect(alone.status).toBe(400);
    expect(await whoAmI(browser)).toBeUndefined();
    expect(await harness.database.prisma.password.count({ where: { userId: person.id } })).toBe(0);

    const { secret } = await enrolPassword(browser, person.url);
    expect(await whoAmI(browser)).toMatchObject({ id: person.id });
    harness.advance(30);
    const elsewhere = harness.browser();
    await signIn(elsewhere, { email: person.email, password: PASSWORD, code: harness.code(secret) });
    expect(await whoAmI(elsewhere)).toMatchObject({ id: person.id });
  });

  it('NEW-3: looking at a link changes nothing, and its token stands in no page, address or row', async () => {
    const person = await addPending();
    const token = new URL(person.url).searchParams.get('token') ?? '';
    const before = JSON.stringify(await links(person.id));
    for (let count = 0; count < 3; count += 1) {
      const page = await harness.browser().open(person.url);
      expect(page.status).toBe(200);
      expect(page.html + page.url).not.toContain(token);
    }

    expect(token).toHaveLength(43);
    expect(JSON.stringify(await links(person.id))).toBe(before);
    expect(before).not.toContain(token);
    expect(await harness.database.prisma.signInAttempt.count({ where: { userId: person.id } })).toBe(0);
  });

  it('NEW-3: a link works once, also when it is used many times at once', async () => {
    const person = await addPending();
    const { enrolment } = harness.installation;
    const token = new URL(person.url).searchParams.get('token') ?? '';
    const owner = await enrolment.open(token);
    const proof = { password: PASSWORD, code: harness.code(enrolment.totp(token, owner).secret) };

    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        enrolment.completeWithPassword(token, proof, { origin: harness.origin }),
      ),
    );

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const used = await harness.audit('link.used');
    expect(used.filter(({ subject }) => subject === person.id)).toHaveLength(1);
  });

  it('NEW-3: every link that cannot be used gets the same page, which says what to do, and its own record', async () => {
    const { users } = harness.installation;
    const strip = (html: string) => html.replace(/req_[\w-]+/g, 'REQUEST');
    const used = await addPending();
    await enrolPassword(harness.browser(), used.url);
    const late = await addPending();
    await harness.database.prisma.oneTimeLink.updateMany({
      where: { userId: late.id },
      data: { expiresAt: new Date(0) },
    });
    const replaced = await addPending();
    const { link } = await users.reset(replaced.id, harness.cause);
    const renamed = await addPending();
    await users.rename(renamed.id, { email: 'elsewhere@example.com' }, harness.cause);
    const disabled = await addPending();
    await users.disable(disabled.id, harness.cause);
    await users.enable(disabled.id, harness.cause);

    const pages: string[] = [];
    for (const url of [
      '/enrol?token=AAAA',
      '/enrol',
      ...[used, late, replaced, renamed, disabled].map((person) => person.url),
    ]) {
      const page = await harness.browser().open(url);
      expect(page.status).toBe(404);
      pages.push(strip(page.html));
    }
    expect(new Set(pages).size).toBe(1);
    expect(pages[0]).toContain('This link cannot be used');
    expect(pages[0]).toContain('npm run -s gatehouse -- user reset');
    expect((await harness.browser().open(link.url)).status).toBe(200);
    expect((await harness.audit('link.rejected')).map(({ reason, subject }) => [reason, subject])).toEqual([
      ['link_unknown', null],
      ['link_unknown', null],
      ['link_used', used.id],
      ['link_expired', late.id],
      ['link_ended', replaced.id],
      ['link_ended', renamed.id],
      ['link_ended', disabled.id],
    ]);
  });

  it('NEW-3: a link adds nothing to an account that can sign in', async () => {
    const person = await addPending();
    const prisma = harness.database.prisma;
    const token = new URL(person.url).searchParams.get('token') ?? '';
    await enrolPassword(harness.browser(), person.url);
    await prisma.oneTimeLink.updateMany({ where: { userId: person.id }, data: { usedAt: null } });

    await expect(harness.installation.enrolment.open(token)).rejects.toMatchObject({
      reason: 'already_enrolled',
    });
  });

  it('NEW-3: the password that an administrator chose is gone after a passkey was made', async () => {
    const person = await addPending({ password: 'known to the administrator' });
    await enrolPasskey(harness.browser(), person.url);

    expect(await harness.database.prisma.password.count({ where: { userId: person.id } })).toBe(0);
  });

  it('NEW-3: a set-up link is no enrolment link, nor the other way round', async () => {
    const person = await addPending();
    const token = new URL(person.url).searchParams.get('token') ?? '';
    const setupUrl = (await harness.installation.setup.createLink(harness.cause)).url;
    const setupToken = new URL(setupUrl).searchParams.get('token') ?? '';

    expect((await harness.browser().open(`/setup?token=${token}`)).status).toBe(404);
    expect((await harness.browser().open(`/enrol?token=${setupToken}`)).status).toBe(404);
  });

  it('NEW-3: guesses of links are limited for each network, and recorded once a minute', async () => {
    const throttled = await startSignIn({
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_THROTTLE_SIGN_IN_NETWORK: '5',
    });
    try {
      const statuses: number[] = [];
      for (let count = 0; count < 8; count += 1) {
        statuses.push((await throttled.browser().open(`/enrol?token=guess${count}`)).status);
      }
      expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429, 429]);
      expect(await throttled.audit('link.rejected')).toHaveLength(1);
    } finally {
      await throttled.stop();
    }
  });

  it('NEW-3: a form that was not made for this browser uses no link', async () => {
    const person = await addPending();
    const browser = harness.browser();
    const page = await browser.open(person.url);
    const body = new URLSearchParams({
      csrf: 'x',
      password: PASSWORD,
      code: harness.code(secretOf(page.html)),
    });

    expect((await browser.post('/enrol', body, {})).status).toBe(403);
    expect((await harness.browser().open(person.url)).status).toBe(200);
  });
});

describe('user reset', () => {
  it('SEC-L20: ends sessions, factors, sign-ins under way and old links, and lets the person back by its link', async () => {
    const { users, sessions, signIn: door } = harness.installation;
    const person = await addPending();
    const thief = harness.browser();
    const { secret } = await enrolPassword(thief, person.url);
    const under = await door.begin(person.email);
    const proven = (await door.password(under, PASSWORD, '192.0.2.1')) ?? '';
    const stale = await addPending();

    const reset = await users.reset(person.id, harness.cause);

    expect(reset).toMatchObject({
      sessions: 1,
      factors: { passkeys: 0, password: true, totp: true },
      disabled: false,
    });
    expect(await whoAmI(thief)).toBeUndefined();
    harness.advance(30);
    const code = harness.code(secret);
    expect(await door.code(proven, code, { origin: harness.origin })).toEqual({ outcome: 'expired' });
    expect((await signIn(harness.browser(), { ...person, password: PASSWORD, code })).status).toBe(403);

    const owner = harness.browser();
    const back = await enrolPassword(owner, reset.link.url, 'a password of the owner');
    expect(back.page.html).toContain('Your account was reset.');
    expect(await whoAmI(owner)).toMatchObject({ id: person.id });
    expect(await sessions.list(person.id)).toHaveLength(1);
    expect((await harness.audit('user.reset')).at(-1)).toMatchObject({ subject: person.id });
    expect((await harness.browser().open(stale.url)).status).toBe(200);
  });

  it('SEC-L20: a passkey assertion that is judged while the account is reset makes no session', async () => {
    const { passkeys, users, sessions, signIn: door } = harness.installation;
    const person = await addPending();
    const { authenticator } = await enrolPasskey(harness.browser(), person.url);
    const { token, options } = await door.passkeyOptions(undefined);
    const response = authenticator.authenticate(options as never);
    const { id: passkeyId } = (await passkeys.list(person.id))[0] ?? { id: '' };

    // As if the reset committed after the assertion was judged and before the session was made.
    await harness.database.prisma.$executeRaw`
      CREATE FUNCTION reset_now() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN DELETE FROM passkeys WHERE id = OLD.id; RETURN NULL; END $$`;
    await harness.database.prisma.$executeRaw`
      CREATE TRIGGER reset_now AFTER UPDATE ON passkeys FOR EACH ROW EXECUTE FUNCTION reset_now()`;
    const before = await sessions.list(person.id);
    const outcome = await door.passkey(token, response, { origin: harness.origin });
    await harness.database.prisma.$executeRaw`DROP TRIGGER reset_now ON passkeys`;

    expect(outcome).toEqual({ outcome: 'refused' });
    expect(await sessions.list(person.id)).toHaveLength(before.length);
    expect(await harness.database.prisma.passkey.count({ where: { id: passkeyId } })).toBe(0);
    expect((await users.find(person.id))?.disabledAt).toBeUndefined();
  });
});
