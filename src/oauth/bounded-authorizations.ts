import type { Context, Middleware } from 'koa';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';

import { HttpError, originOf } from '../platform/http/index.ts';
import { type Limiter, networkKey } from '../platform/throttle/index.ts';

import { noteRefusal } from './refusal.ts';

interface Deps {
  /** Authorization requests per network. */
  readonly limiter: Limiter;
  readonly pool: Pool;
  /** Authorizations that wait for a person, in all. */
  readonly max: number;
  readonly basePath: string;
}

const COUNT = 'SELECT count(*)::int AS count FROM (SELECT 1 FROM interactions LIMIT $1) AS known';
/** Milliseconds that a count is good for; what this process adds meanwhile is added to it. */
const COUNT_AGE = 1_000;
/** Seconds after which there may be room again. */
const FULL_RETRY_AFTER = 30;
/** Networks of which it is remembered until when they were told to wait; with more, the first is forgotten. */
const MAX_NETWORKS = 50_000;

/**
 * Bounds what somebody who is nobody yet can make us keep: each authorization request that needs a
 * person leaves a row behind until it expires, and one that names a metadata document makes us fetch it.
 *
 * A network has so many requests in a minute, and all together so many authorizations may wait at once.
 * Several processes may exceed that by what they began in the same second. Of a network that is told to
 * wait there is one record for each time, not one for each request.
 */
export function boundAuthorizations({ limiter, pool, max, basePath }: Deps): Middleware {
  const told = new LRUCache<string, true>({ max: MAX_NETWORKS });
  const room = createRoom(pool, max);
  const waits = `${basePath}/interaction/`;

  return async (ctx, next) => {
    if (ctx.path !== '/authorize') return next();
    const network = networkKey(originOf(ctx).network ?? '');
    const { allowed, retryAfter } = await limiter.take(network);
    if (!allowed) {
      if (!told.has(network)) note(ctx, 'authorization');
      told.set(network, true, { ttl: retryAfter * 1000 });
      throw new HttpError(429, 'slow_down', 'too many authorization requests from your network', {
        'Retry-After': String(retryAfter),
      });
    }
    const leave = await room.enter();
    if (!leave) {
      if (!told.has('')) note(ctx, 'interactions');
      told.set('', true, { ttl: FULL_RETRY_AFTER * 1000 });
      throw new HttpError(429, 'slow_down', 'too many authorizations are under way', {
        'Retry-After': String(FULL_RETRY_AFTER),
      });
    }
    try {
      await next();
    } finally {
      const location = ctx.res.getHeader('Location');
      if (typeof location !== 'string' || !location.startsWith(waits)) leave();
    }
    return undefined;
  };
}

function note(ctx: Context, reason: string): void {
  noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason });
}

/** Lets in as long as there are fewer than `max` rows; answers how to give the place back that was not used. */
function createRoom(pool: Pool, max: number): { enter(): Promise<(() => void) | undefined> } {
  let counted = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  let added = 0;
  let counting: Promise<void> | undefined;

  async function count(): Promise<void> {
    const before = added;
    const { rows } = await pool.query<{ count: number }>({ name: 'state-count', text: COUNT, values: [max] });
    counted = rows[0]?.count ?? 0;
    added -= before;
    countedAt = performance.now();
  }

  return {
    async enter() {
      if (performance.now() - countedAt > COUNT_AGE) {
        counting ??= count().finally(() => {
          counting = undefined;
        });
        await counting;
      }
      if (counted + added >= max) return undefined;
      added += 1;
      const since = countedAt;
      return () => {
        if (since === countedAt) added -= 1;
      };
    },
  };
}
