import type { Context, Middleware } from 'koa';
import type { Pool } from 'pg';

import { HttpError, originOf } from '../../platform/http/index.ts';
import type { PrefixLimiter } from '../../platform/throttle/index.ts';
import { noteRefusal } from '../refusals/refusal.ts';
import { createInteractionRoom } from './interaction-room.ts';

interface Deps {
  /** Authorization requests per network. */
  readonly limiter: PrefixLimiter;
  readonly pool: Pool;
  /** Authorizations that wait for a person, in all. */
  readonly max: number;
  readonly basePath: string;
}

/** Seconds after which there may be room again. */
const FULL_RETRY_AFTER = 30;

/**
 * Limits the state that unauthenticated requests can create: each authorization request that needs a person
 * leaves a row behind until it expires, and one that names a metadata document makes us fetch it.
 *
 * A network may make so many requests in a minute, and hold its share of the authorizations that wait.
 * Several processes may exceed that by what they began in the same second.
 */
export function boundAuthorizations({ limiter, pool, max, basePath }: Deps): Middleware {
  const room = createInteractionRoom(pool, max);
  const waits = `${basePath}/interaction/`;

  return async (ctx, next) => {
    if (ctx.path !== '/authorize') return next();
    const network = originOf(ctx).network ?? '';
    const { allowed, retryAfter } = await limiter.take(network);
    if (!allowed) {
      throw refuse(ctx, 'authorization', 'too many authorization requests from your network', retryAfter);
    }
    const entered = await room.enter(network);
    if (entered.full === 'network') {
      const description = 'too many authorizations from your network are under way';
      throw refuse(ctx, 'interactions_network', description, FULL_RETRY_AFTER);
    }
    if (entered.full !== 'none') {
      throw refuse(ctx, 'interactions', 'too many authorizations are under way', FULL_RETRY_AFTER);
    }
    try {
      await next();
    } finally {
      const location = ctx.res.getHeader('Location');
      entered.end(typeof location === 'string' && location.startsWith(waits));
    }
    return undefined;
  };
}

function refuse(ctx: Context, reason: string, description: string, retryAfter: number): HttpError {
  noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason });
  return new HttpError(429, 'slow_down', description, { 'Retry-After': String(retryAfter) });
}
