import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Harness, signIn, startSignIn, whoAmI } from './harness.ts';

/** Wrong codes after a right password that unknown networks have in a week. */
const CODES_PER_WEEK = 20;

let harness: Harness;
beforeAll(async () => {
  harness = await startSignIn({
    GATEHOUSE_THROTTLE: 'on',
    GATEHOUSE_THROTTLE_SIGN_IN_ACCOUNT: '10',
    GATEHOUSE_THROTTLE_SIGN_IN_NETWORK: '10000',
  });
});
afterAll(() => harness.stop());

type User = Awaited<ReturnType<Harness['addUser']>>;

/** A guess of an attacker who knows the password, past every limit of this process. */
async function guess(user: User, network: string, code: string) {
  const { signIn: door } = harness.installation;
  const token = await door.password(await door.begin(user.email), user.password, network);
  return door.code(token ?? '', code, { origin: { requestId: 'req_guess', network } });
}
const wrongCode = (user: User) => (harness.code(user.secret) === '000000' ? '111111' : '000000');

describe('the second factor', () => {
  it('SEC-L6: a person on another address of her /64 signs in although attackers used up the account limit', async () => {
    const user = await harness.addUser('ada64@example.com');
    await signIn(harness.browser('2001:db8:1:2::1'), { ...user, code: harness.code(user.secret) });
    for (let network = 1; network <= 40; network += 1) {
      const wrong = { email: user.email, password: 'a wrong password', code: '000000' };
      await signIn(harness.browser(`198.51.${network}.1`), wrong);
    }
    harness.advance(30);
    const home = harness.browser('2001:db8:1:2::ffff');
    await signIn(home, { ...user, code: harness.code(user.secret) });
    expect(await whoAmI(home)).toMatchObject({ id: user.id });
  });

  it('SEC-L6: no code is judged, and nothing is counted, when no password was tried in the attempt', async () => {
    const user = await harness.addUser('nopassword@example.com');
    for (let count = 0; count < 15; count += 1) {
      const browser = harness.browser('198.51.100.9');
      const passwordPage = await browser.submit(await browser.open('/sign-in'), { email: user.email });
      const csrf = new Map(passwordPage.form?.fields).get('csrf') ?? '';
      const answer = await browser.post('/sign-in/totp', new URLSearchParams({ csrf, code: '000000' }), {
        'x-forwarded-for': '198.51.100.9',
      });
      expect(answer.status).toBe(403);
    }
    // The account still has every guess of this network.
    const browser = harness.browser('198.51.100.9');
    await signIn(browser, { ...user, code: harness.code(user.secret) });
    expect(await whoAmI(browser)).toMatchObject({ id: user.id });
  });

  it('SEC-L7: a known password allows 20 codes a week from unknown networks, decided by the database', async () => {
    const user = await harness.addUser('slow@example.com');
    const home = '203.0.113.7';
    await signIn(harness.browser(home), { ...user, code: harness.code(user.secret) });
    for (let count = 0; count < CODES_PER_WEEK; count += 1) {
      expect(await guess(user, `198.18.${count}.1`, wrongCode(user))).toEqual({ outcome: 'refused' });
    }
    harness.advance(60);
    expect(await guess(user, '198.18.77.1', harness.code(user.secret))).toEqual({ outcome: 'refused' });
    const failures = await harness.audit('signin.failed');
    expect(failures.filter(({ subject }) => subject === user.id).at(-1)).toMatchObject({
      reason: 'code_limit',
    });
    expect(await harness.audit('totp.guessing_suspected')).toMatchObject([{ subject: user.id }]);

    // The person still gets in where she signed in before.
    harness.advance(60);
    const browser = harness.browser(home);
    await signIn(browser, { ...user, code: harness.code(user.secret) });
    expect(await whoAmI(browser)).toMatchObject({ id: user.id });

    // A week later the window begins again.
    await harness.database.pool.query(`UPDATE code_guesses SET since = now() - interval '8 days'`);
    harness.advance(60);
    expect(await guess(user, '198.18.78.1', harness.code(user.secret))).toMatchObject({
      outcome: 'signed_in',
    });
  });
});
