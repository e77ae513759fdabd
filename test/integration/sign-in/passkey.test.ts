import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Authenticator, createAuthenticator, type Lie } from '../../support/authenticator.ts';
import { type Harness, signIn, startSignIn, type Visitor, whoAmI } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startSignIn();
});
afterAll(() => harness.stop());

/** A person whose only credential is a passkey of this authenticator. */
async function addPasskeyUser(email: string, authenticator: Authenticator) {
  const { users, attempts, passkeys } = harness.installation;
  const { id } = await users.add({ tenant: DEFAULT_TENANT, email, name: 'Grace Hopper' }, harness.cause);
  const token = await attempts.start('enrolment', { userId: id });
  const attempt = { token, purpose: 'enrolment' } as const;
  const options = await passkeys.registrationOptions(attempt, { userId: id, email, name: 'Grace Hopper' });
  const { passkey } = await passkeys.verifyRegistration(attempt, authenticator.register(options));
  const passkeyId = await harness.database.prisma.$transaction((tx) =>
    passkeys.store(tx, id, passkey, { origin: harness.origin }),
  );
  return { id, passkeyId };
}

async function optionsFor(browser: Visitor): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const answer = await browser.postJson(
    await browser.open('/sign-in?reauth=1'),
    '/sign-in/passkey/options',
    {},
  );
  expect(answer.status).toBe(200);
  return JSON.parse(answer.html);
}

async function present(browser: Visitor, response: unknown, query = '') {
  const page = await browser.open('/sign-in?reauth=1');
  return browser.postJson(page, `/sign-in/passkey${query}`, { response });
}

const lastRefusal = async () => (await harness.audit('signin.failed')).at(-1);

describe('/sign-in/passkey', () => {
  it('signs in with one gesture, for two factors that cannot be phished', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const user = await addPasskeyUser('passkey@example.com', authenticator);
    const browser = harness.browser();

    const options = await optionsFor(browser);
    expect(options).toMatchObject({ rpId: 'localhost', userVerification: 'required' });
    expect(options.allowCredentials ?? []).toEqual([]);
    const answer = await present(browser, authenticator.authenticate(options), '?continue=%2Fthere');

    expect(JSON.parse(answer.html)).toEqual({ location: '/there' });
    expect(await whoAmI(browser)).toMatchObject({ id: user.id });
    const [session] = await harness.installation.sessions.list(user.id);
    expect(session).toMatchObject({ acr: 'phr', amr: ['pop', 'user', 'mfa'], passkeyId: user.passkeyId });
  });

  it('never sends the browser to another site', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer });
    await addPasskeyUser('stay@example.com', authenticator);
    const browser = harness.browser();
    const response = authenticator.authenticate(await optionsFor(browser));

    const answer = await present(browser, response, '?continue=%2F%2Fevil.example');
    expect(JSON.parse(answer.html)).toEqual({ location: '/account' });
  });

  const lies: readonly (readonly [string, Lie, string])[] = [
    [
      'a challenge of its own',
      { challenge: Buffer.alloc(32, 7).toString('base64url') },
      'verification_failed',
    ],
    ['another origin', { origin: 'https://evil.example' }, 'verification_failed'],
    ['another relying party', { rpId: 'evil.example' }, 'verification_failed'],
    ['nobody present', { userPresent: false }, 'verification_failed'],
    ['nobody verified', { userVerified: false }, 'verification_failed'],
    ['the type of the other ceremony', { type: 'webauthn.create' }, 'verification_failed'],
    ['data that was changed after signing', { tamper: true }, 'verification_failed'],
    ['an unknown credential', { credentialId: 'AAAA' }, 'unknown_passkey'],
    ['the user handle of another person', { userHandle: 'dXNyX290aGVy' }, 'foreign_user_handle'],
    ['no user handle', { userHandle: undefined }, 'foreign_user_handle'],
  ];
  it.each(lies)('N4: an assertion with %s is refused', async (what, lie, reason) => {
    const authenticator = createAuthenticator({ origin: harness.issuer });
    await addPasskeyUser(`${what.replaceAll(' ', '-')}@example.com`, authenticator);
    const browser = harness.browser();
    const options = await optionsFor(browser);

    const answer = await present(browser, authenticator.authenticate(options, lie));

    expect(answer.status).toBe(401);
    expect(await whoAmI(browser)).toBeUndefined();
    expect(await lastRefusal()).toMatchObject({ reason });

    // The challenge is spent by it: the honest answer comes too late.
    expect((await present(browser, authenticator.authenticate(options))).status).toBe(401);
    expect(await lastRefusal()).toMatchObject({ reason: 'challenge_unknown' });
  });

  it("N4: another person's credential under one's own signature is refused", async () => {
    const mine = createAuthenticator({ origin: harness.issuer });
    const theirs = createAuthenticator({ origin: harness.issuer });
    await addPasskeyUser('mine@example.com', mine);
    const victim = await addPasskeyUser('theirs@example.com', theirs);
    const browser = harness.browser();
    const userHandle = Buffer.from(victim.id).toString('base64url');

    const lie = { credentialId: theirs.credentialId, userHandle };
    const answer = await present(browser, mine.authenticate(await optionsFor(browser), lie));

    expect(answer.status).toBe(401);
    expect(await lastRefusal()).toMatchObject({ reason: 'verification_failed', subject: victim.id });
  });

  it('N4: an assertion is worth nothing a second time', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer, counts: false });
    await addPasskeyUser('replay@example.com', authenticator);
    const browser = harness.browser();
    const response = authenticator.authenticate(await optionsFor(browser));

    expect((await present(browser, response)).status).toBe(200);
    expect((await present(harness.browser(), response)).status).toBe(401);
    await optionsFor(browser);
    expect((await present(browser, response)).status).toBe(401);
  });

  it('N4: of twenty parallel posts of one assertion, one signs in', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer, counts: false });
    const user = await addPasskeyUser('parallel@example.com', authenticator);
    const { signIn } = harness.installation;
    const { token, options } = await signIn.passkeyOptions(undefined);
    const response = authenticator.authenticate(options as PublicKeyCredentialRequestOptionsJSON);

    const results = await Promise.all(
      Array.from({ length: 20 }, () => signIn.passkey(token, response, { origin: harness.origin })),
    );

    expect(results.filter(({ outcome }) => outcome === 'signed_in')).toHaveLength(1);
    expect(await harness.installation.sessions.list(user.id)).toHaveLength(1);
  });

  it('N4: a challenge of another browser, of a registration, or older than five minutes is refused', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const user = await addPasskeyUser('stale@example.com', authenticator);
    const { attempts, passkeys, signIn } = harness.installation;

    const foreign = authenticator.authenticate(await optionsFor(harness.browser()));
    const browser = harness.browser();
    await optionsFor(browser);
    expect((await present(browser, foreign)).status).toBe(401);

    const enrolment = await attempts.start('enrolment', { userId: user.id });
    const creation = await passkeys.registrationOptions(
      { token: enrolment, purpose: 'enrolment' },
      { userId: user.id, email: 'stale@example.com', name: 'Grace' },
    );
    const crossed = authenticator.authenticate({ challenge: creation.challenge });
    expect(await signIn.passkey(enrolment, crossed, { origin: harness.origin })).toEqual({
      outcome: 'refused',
    });

    const old = authenticator.authenticate(await optionsFor(browser));
    await harness.database.prisma.$executeRaw`
      UPDATE sign_in_attempts SET challenge_expires_at = challenge_expires_at - interval '5 minutes'`;
    expect((await present(browser, old)).status).toBe(401);
    expect(await lastRefusal()).toMatchObject({ reason: 'challenge_unknown' });
  });

  it.each([undefined, null, 'text', {}, { id: 'x' }, { id: 7, response: [] }])(
    'N4: what is no assertion at all is refused in the same way: %j',
    async (response) => {
      const browser = harness.browser();
      await optionsFor(browser);
      expect((await present(browser, response)).status).toBe(401);
      expect(await whoAmI(browser)).toBeUndefined();
    },
  );

  it('N5: a signature counter that does not grow is refused and reported', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const user = await addPasskeyUser('clone@example.com', authenticator);
    const browser = harness.browser();
    await present(browser, authenticator.authenticate(await optionsFor(browser), { counter: 10 }));

    for (const counter of [10, 9, 0]) {
      const clone = harness.browser();
      const answer = await present(clone, authenticator.authenticate(await optionsFor(clone), { counter }));
      expect(answer.status).toBe(401);
      expect(await whoAmI(clone)).toBeUndefined();
    }
    const alarms = await harness.audit('passkey.clone_suspected');
    expect(alarms.map(({ subject, detail }) => [subject, detail])).toEqual(
      Array(3).fill([user.id, { method: 'passkey', passkey: user.passkeyId }]),
    );
  });

  it('N5: nobody can raise that alarm without the key', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer });
    await addPasskeyUser('alarm@example.com', authenticator);
    const browser = harness.browser();
    await present(browser, authenticator.authenticate(await optionsFor(browser), { counter: 10 }));
    const before = (await harness.audit('passkey.clone_suspected')).length;

    const stranger = harness.browser();
    const lie = { counter: 3, tamper: true };
    await present(stranger, authenticator.authenticate(await optionsFor(stranger), lie));

    expect(await lastRefusal()).toMatchObject({ reason: 'verification_failed' });
    expect(await harness.audit('passkey.clone_suspected')).toHaveLength(before);
  });

  it('M5: options and assertion need the token of our page', async () => {
    const browser = harness.browser();
    const page = await browser.open('/sign-in');
    const forged = { ...page, form: undefined };

    expect((await browser.postJson(forged, '/sign-in/passkey/options', {})).status).toBe(403);
    expect((await browser.postJson(forged, '/sign-in/passkey', { response: {} })).status).toBe(403);
  });

  it('a synced passkey, which never counts, works again and again', async () => {
    const authenticator = createAuthenticator({ origin: harness.issuer, counts: false });
    await addPasskeyUser('synced@example.com', authenticator);
    for (let round = 0; round < 3; round += 1) {
      const browser = harness.browser();
      expect((await present(browser, authenticator.authenticate(await optionsFor(browser)))).status).toBe(
        200,
      );
    }
  });
});

describe('passkeys', () => {
  it('N4: are made discoverable, with user verification and a real algorithm, here and nowhere else', async () => {
    const { attempts, passkeys, users } = harness.installation;
    const { id } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'make@example.com', name: 'Make' },
      harness.cause,
    );
    const owner = { userId: id, email: 'make@example.com', name: 'Make' };
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const attempt = {
      token: await attempts.start('enrolment', { userId: id }),
      purpose: 'enrolment',
    } as const;

    const options: PublicKeyCredentialCreationOptionsJSON = await passkeys.registrationOptions(
      attempt,
      owner,
    );
    expect(options.authenticatorSelection).toMatchObject({
      residentKey: 'required',
      userVerification: 'required',
    });
    const lies = [
      { userVerified: false },
      { userPresent: false },
      { algorithm: 0 },
      { type: 'webauthn.get' },
      { origin: 'https://evil.example' },
      { rpId: 'evil.example' },
    ];
    for (const lie of lies) {
      const fresh = await passkeys.registrationOptions(attempt, owner);
      const verdict = passkeys.verifyRegistration(attempt, authenticator.register(fresh, lie));
      await expect(verdict).rejects.toMatchObject({ reason: 'verification_failed' });
    }
  });

  it('are registered once, and are only their owner’s to rename and remove', async () => {
    const { passkeys, attempts } = harness.installation;
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const owner = await addPasskeyUser('owner@example.com', authenticator);
    const stranger = await addPasskeyUser(
      'stranger@example.com',
      createAuthenticator({ origin: harness.issuer }),
    );
    const attempt = {
      token: await attempts.start('enrolment', { userId: owner.id }),
      purpose: 'enrolment',
    } as const;
    const again = await passkeys.registrationOptions(attempt, { userId: owner.id, email: 'o', name: 'O' });
    expect(again.excludeCredentials?.map(({ id }) => id)).toEqual([authenticator.credentialId]);

    await passkeys.rename(owner.id, owner.passkeyId, '  Work laptop ');
    expect(await passkeys.list(owner.id)).toMatchObject([{ id: owner.passkeyId, name: 'Work laptop' }]);

    const { prisma } = harness.database;
    const remove = (userId: string) =>
      prisma.$transaction((tx) => passkeys.remove(tx, userId, owner.passkeyId, harness.cause));
    await expect(passkeys.rename(stranger.id, owner.passkeyId, 'Mine')).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(remove(stranger.id)).rejects.toMatchObject({ code: 'not_found' });
    await remove(owner.id);
    expect(await passkeys.list(owner.id)).toEqual([]);
  });

  it('SEC-L19: a removed passkey ends every session but the one that removed it', async () => {
    const { passkeys, sessions, signIn } = harness.installation;
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const user = await addPasskeyUser('lost@example.com', authenticator);
    const browser = harness.browser();
    await present(browser, authenticator.authenticate(await optionsFor(browser)));
    const authentication = { userId: user.id, acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] } as const;
    const kept = await signIn.enter(authentication, { origin: harness.origin });
    await signIn.enter(authentication, { origin: harness.origin });

    await harness.database.prisma.$transaction(async (tx) => {
      await passkeys.remove(tx, user.id, user.passkeyId, harness.cause);
      const factor = { passkeyId: user.passkeyId };
      expect(await sessions.endForFactorChange(tx, kept.session, factor, harness.cause)).toBe(true);
    });

    expect(await whoAmI(browser)).toBeUndefined();
    expect((await sessions.list(user.id)).map(({ id }) => id)).toEqual([kept.session.id]);
  });
});

describe('a network that guessed too often', () => {
  let unlimited: Harness;
  beforeAll(async () => {
    unlimited = harness;
    harness = await startSignIn({ GATEHOUSE_THROTTLE: 'on' });
  });
  afterAll(async () => {
    await harness.stop();
    harness = unlimited;
  });

  it('N1: is not heard with what is wrong, and let in with a passkey that is right; who is signed in stays so', async () => {
    const attacked = '198.51.100.50';
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const user = await addPasskeyUser('besieged@example.com', authenticator);
    const signedIn = harness.browser(attacked);
    await present(signedIn, authenticator.authenticate(await optionsFor(signedIn)));
    expect(await whoAmI(signedIn)).toMatchObject({ id: user.id });

    const attacker = harness.browser(attacked);
    const statuses: number[] = [];
    // Default limits: a hundred wrong ones in an hour.
    for (let n = 0; n < 102; n += 1) statuses.push((await present(attacker, {})).status);
    expect(statuses.slice(0, 100)).toEqual(Array(100).fill(401));
    expect(statuses.slice(100)).toEqual([429, 429]);
    const password = await signIn(harness.browser(attacked), {
      email: 'besieged@example.com',
      password: 'a wrong password',
      code: '000000',
    });
    expect(password.status).toBe(429);

    const browser = harness.browser(attacked);
    await present(browser, authenticator.authenticate(await optionsFor(browser)));
    expect(await whoAmI(browser)).toMatchObject({ id: user.id });
    expect(await whoAmI(signedIn)).toMatchObject({ id: user.id });
  });
});
