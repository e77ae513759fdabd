import type { Context } from 'koa';

import { HttpError, originOf } from '../../platform/http/index.ts';
import type { Limiter, PrefixLimiter } from '../../platform/throttle/index.ts';

import { noteRefusal } from '../refusals/refusal.ts';

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

/** Limits registrations per network and its prefixes, and in all. */
export function registrationLimits({
  perNetwork,
  inAll,
}: {
  readonly perNetwork: PrefixLimiter;
  readonly inAll: Limiter;
}): RegistrationLimits {
  function refuse(ctx: Context, limit: Limit, retryAfter: number): HttpError {
    noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: limit });
    return new HttpError(429, 'slow_down', WORDS[limit], { 'Retry-After': String(retryAfter) });
  }

  return {
    async take(ctx) {
      // The network first: one that is refused uses nothing up of what all networks share.
      const own = await perNetwork.take(originOf(ctx).network ?? '');
      if (!own.allowed) throw refuse(ctx, 'registration', own.retryAfter);
      const all = await inAll.take('');
      if (!all.allowed) throw refuse(ctx, 'registration_all', all.retryAfter);
    },
    full: (ctx, limit) => refuse(ctx, limit, FULL_RETRY_AFTER),
  };
}
