import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Harness, signIn, startSignIn, whoAmI } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startSignIn({
    GATEHOUSE_THROTTLE: 'on',
    GATEHOUSE_THROTTLE_SIGN_IN_ACCOUNT: '3',
    GATEHOUSE_THROTTLE_SIGN_IN_NETWORK: '12',
  });
});
afterAll(() => harness.stop());

const guess = (email: string, network: string) =>
  signIn(harness.browser(network), { email, password: 'a wrong password', code: '000000' });

describe('throttling of guesses', () => {
  it('N1: one network has a few guesses at an account, and is then told when to come back', async () => {
    const user = await harness.addUser('target@example.com');
    for (let count = 0; count < 3; count += 1) {
      expect((await guess(user.email, '198.51.100.1')).status).toBe(403);
    }
    const refused = await guess(user.email, '198.51.100.1');

    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await harness.audit('signin.throttled')).at(-1)).toMatchObject({ reason: 'account_and_network' });
  });

  it('N1: an address that nobody has is throttled in the same way', async () => {
    for (let count = 0; count < 3; count += 1) await guess('nobody@example.com', '198.51.100.2');
    expect((await guess('nobody@example.com', '198.51.100.2')).status).toBe(429);
  });

  it('N1: guesses spread over networks reach a limit, which does not bind where the person is known', async () => {
    const user = await harness.addUser('popular@example.com');
    const home = '203.0.113.7';
    await signIn(harness.browser(home), { ...user, code: harness.code(user.secret) });

    const statuses: number[] = [];
    for (let network = 1; network <= 16; network += 1) {
      statuses.push((await guess(user.email, `198.51.101.${network}`)).status);
    }
    expect(statuses.filter((status) => status === 403).length).toBeLessThanOrEqual(15);
    expect(statuses.at(-1)).toBe(429);

    harness.advance(30);
    const browser = harness.browser(home);
    await signIn(browser, { ...user, code: harness.code(user.secret) });
    expect(await whoAmI(browser)).toMatchObject({ id: user.id });
  });

  it('N1: guesses from one network spread over accounts reach a limit', async () => {
    const statuses: number[] = [];
    for (let account = 1; account <= 13; account += 1) {
      statuses.push((await guess(`spray${account}@example.com`, '198.51.100.3')).status);
    }
    expect(statuses.slice(0, 12)).toEqual(Array(12).fill(403));
    expect(statuses.at(-1)).toBe(429);
    expect((await harness.audit('signin.throttled')).at(-1)).toMatchObject({ reason: 'network' });
  });

  it('N8: a password of a megabyte is not read', async () => {
    const browser = harness.browser('198.51.100.4');
    const page = await browser.submit(await browser.open('/sign-in'), { email: 'big@example.com' });
    expect((await browser.submit(page, { password: 'x'.repeat(1024 * 1024) })).status).toBe(413);
  });
});
