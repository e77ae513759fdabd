import type { Context } from 'koa';
import { LRUCache } from 'lru-cache';

import { HttpError, originOf } from '../platform/http/index.ts';
import { type Limiter, networkKey } from '../platform/throttle/index.ts';

import { noteRefusal } from './refusal.ts';

/** Networks of which it is remembered until when they were told to wait; with more, the first is forgotten. */
const MAX_NETWORKS = 50_000;
/** Seconds after which there may be room again for one more client. */
const FULL_RETRY_AFTER = 3600;

type Limit = 'registration' | 'registration_all' | 'registration_quota_network' | 'registration_quota';

const WORDS: Readonly<Record<Limit, string>> = {
  registration: 'too many registrations from your network',
  registration_all: 'too many registrations',
  registration_quota_network:
    'too many clients registered from your network are waiting to be used; use one of them, or ask for a registered client',
  registration_quota: 'too many registered clients are waiting to be used',
};

/** Counts what writes at the registration endpoint, and refuses with 429. */
export interface RegistrationLimits {
  /** @throws HttpError 429 */
  take(ctx: Context): Promise<void>;
  /** The error for a quota that is used up. */
  full(ctx: Context, limit: Extract<Limit, `registration_quota${string}`>): HttpError;
}

/**
 * How often it may be written to the clients, per network and in all. Of a network that is told to wait there
 * is one record for each time and limit, not one for each request: refusals must not be what fills the store.
 */
export function registrationLimits({
  perNetwork,
  inAll,
}: {
  readonly perNetwork: Limiter;
  readonly inAll: Limiter;
}): RegistrationLimits {
  const told = new LRUCache<string, true>({ max: MAX_NETWORKS });

  function refuse(ctx: Context, limit: Limit, network: string, retryAfter: number): HttpError {
    const key = `${limit} ${network}`;
    if (!told.has(key)) {
      noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: limit });
      told.set(key, true, { ttl: retryAfter * 1000 });
    }
    return new HttpError(429, 'slow_down', WORDS[limit], { 'Retry-After': String(retryAfter) });
  }
  const networkOf = (ctx: Context) => networkKey(originOf(ctx).network ?? '');

  return {
    async take(ctx) {
      const network = networkOf(ctx);
      // The network first: one that is refused uses nothing up of what everybody shares.
      const own = await perNetwork.take(network);
      if (!own.allowed) throw refuse(ctx, 'registration', network, own.retryAfter);
      const all = await inAll.take('');
      if (!all.allowed) throw refuse(ctx, 'registration_all', '', all.retryAfter);
    },
    full: (ctx, limit) =>
      refuse(ctx, limit, limit === 'registration_quota' ? '' : networkOf(ctx), FULL_RETRY_AFTER),
  };
}
