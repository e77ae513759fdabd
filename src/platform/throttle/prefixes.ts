import { networkPrefixes, prefixPoints, prefixShare } from '../../kernel/network.ts';

import type { Limit, Limiter, Throttle, Verdict } from './throttle.ts';

/** Limits how often something may happen per network, and per wider prefix of it. Keys are IP addresses. */
export interface PrefixLimiter extends Limiter {}

/**
 * Creates a limiter that counts an address under each of its prefixes: a /64, /56 and /48 of IPv6, an address and
 * a /24 of IPv4. With `bound`, what all networks share, no prefix is allowed more than 5 % of it.
 *
 * The narrowest is asked first: a network at its limit uses nothing of what its neighbours share.
 */
export function createPrefixLimiter(
  throttle: Throttle,
  name: string,
  { points, seconds, bound }: Limit & { readonly bound?: number },
): PrefixLimiter {
  const share = bound === undefined ? undefined : prefixShare(bound);
  const limiters = new Map<string, Limiter>();
  const limiterOf = (prefix: string): Limiter => {
    const length = /\/\d+$/.exec(prefix)?.[0] ?? '';
    const known = limiters.get(length);
    if (known) return known;
    const suffix = length === '' || length === '/64' ? '' : `-${length.slice(1)}`;
    const limiter = throttle.limiter(`${name}${suffix}`, {
      points: prefixPoints(prefix, points, share),
      seconds,
    });
    limiters.set(length, limiter);
    return limiter;
  };
  /** Stops at the first prefix that refuses. */
  const each = async (address: string, ask: (limiter: Limiter, prefix: string) => Promise<Verdict>) => {
    let verdict: Verdict = { allowed: true, retryAfter: 0 };
    for (const prefix of new Set(networkPrefixes(address))) {
      verdict = await ask(limiterOf(prefix), prefix);
      if (!verdict.allowed) return verdict;
    }
    return verdict;
  };

  return {
    take: (address, used) => each(address, (limiter, prefix) => limiter.take(prefix, used)),
    peek: (address) => each(address, (limiter, prefix) => limiter.peek(prefix)),
    async reset(address) {
      const [network] = networkPrefixes(address);
      await limiterOf(network).reset(network);
    },
  };
}
