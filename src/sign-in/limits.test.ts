import { describe, expect, it } from 'vitest';

import { createThrottle } from '../platform/throttle/index.ts';

import { createSignInLimits, SignInThrottled } from './limits.ts';

const PER_ACCOUNT = 20;
const PER_NETWORK = 100;

/** Each in a /24 of its own: no prefix alone changes what others may do. */
const network = (n: number) => `198.${51 + (n >> 8)}.${n & 255}.1`;

/** Limits as they are by default, and how many guesses they let somebody judge. */
function attacked() {
  const limits = createSignInLimits(createThrottle({ enabled: true }), {
    perAccount: PER_ACCOUNT,
    perNetwork: PER_NETWORK,
  });
  return {
    limits,
    async judged(guess: Parameters<typeof limits.guess>[0]): Promise<boolean> {
      try {
        await limits.guess(guess);
      } catch (error) {
        if (error instanceof SignInThrottled) return false;
        throw error;
      }
      await limits.wrong(guess);
      return true;
    },
  };
}

describe('10,000 guesses in an hour', () => {
  it.each([
    ['at one account, from one network', 1, 0],
    ['at one account, spread over 1,000 networks', 1_000, 0],
    ['at one account, spread over 1,000 networks of which the person knows ten', 1_000, 10],
  ])('N1: %s, come to 100 that are judged at the most', async (_what, networks, knows) => {
    const { judged } = attacked();
    let count = 0;
    for (let n = 0; n < 10_000; n += 1) {
      const at = n % networks;
      const guess = { email: 'ada@example.com', network: network(at), knowsNetwork: at < knows };
      if (await judged(guess)) count += 1;
    }
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(100);
  });

  it('N1: spread over 1,000 accounts from one network, come to 100', async () => {
    const { judged } = attacked();
    let count = 0;
    for (let n = 0; n < 10_000; n += 1) {
      const email = `user${n % 1_000}@example.com`;
      if (await judged({ email, network: network(1), knowsNetwork: false })) count += 1;
    }
    expect(count).toBe(PER_NETWORK);
  });

  it('N1: spread over 1,000 accounts and 1,000 networks, are few for each account once it is seen', async () => {
    const { judged } = attacked();
    const counts = new Map<string, number>();
    for (let n = 0; n < 30_000; n += 1) {
      const email = `user${n % 1_000}@example.com`;
      const guess = { email, network: network((n * 7) % 1_000), knowsNetwork: false };
      if (await judged(guess)) counts.set(email, (counts.get(email) ?? 0) + 1);
    }
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBeLessThanOrEqual(5_000 + 1_000 * 5);
    // Somebody from elsewhere has a few tries at an account that was not guessed at, whatever happens to others.
    let mine = 0;
    for (let n = 0; n < 20; n += 1) {
      if (await judged({ email: 'new@example.com', network: network(2_000), knowsNetwork: false })) mine += 1;
    }
    expect(mine).toBe(5);
  });

  it('N1: do not bind the networks that the person signed in from before', async () => {
    const { judged, limits } = attacked();
    const email = 'ada@example.com';
    for (let n = 0; n < 10_000; n += 1) {
      await judged({ email, network: network(n % 1_000), knowsNetwork: false });
    }
    const home = { email, network: '203.0.113.7', knowsNetwork: true };
    await expect(limits.guess(home)).resolves.toBeUndefined();
  });

  it('N1: in one network that the person knows leave the others to them', async () => {
    const { judged, limits } = attacked();
    const email = 'ada@example.com';
    for (let n = 0; n < 10_000; n += 1) await judged({ email, network: '203.0.113.1', knowsNetwork: true });
    const home = { email, network: '203.0.113.7', knowsNetwork: true };
    await expect(limits.guess(home)).resolves.toBeUndefined();
  });
});
