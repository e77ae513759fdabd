import type { Middleware } from 'koa';
import { LRUCache } from 'lru-cache';

import { HttpError, originOf } from '../platform/http/index.ts';
import { type Limiter, networkKey } from '../platform/throttle/index.ts';

import { noteRefusal } from './refusal.ts';

/** Where codes, tokens and secrets can be guessed at. */
const GUESSABLE = /^\/(?:token|introspect|revoke|register\/.+)$/;

/** Networks that are remembered to wait; with more, the one that came first is let in again. */
const MAX_NETWORKS = 50_000;

/**
 * Bounds guessing (RFC 6749 §10.10): a network whose requests were refused too often is not heard
 * until the window ends, right or wrong, and nothing of what it sends is spent.
 *
 * Only refusals are counted, so a good request costs nothing. Each process learns of the limit from
 * the next refusal that it gives itself.
 */
export function boundRefusedRequests({ limiter }: { readonly limiter: Limiter }): Middleware {
  const waiting = new LRUCache<string, number>({ max: MAX_NETWORKS });

  return async (ctx, next) => {
    if (!GUESSABLE.test(ctx.path)) return next();
    const network = networkKey(originOf(ctx).network ?? '');
    const seconds = Math.ceil(((waiting.get(network) ?? 0) - Date.now()) / 1000);
    if (seconds > 0) {
      noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: 'token' });
      throw new HttpError(429, 'slow_down', 'too many refused requests from your network', {
        'Retry-After': String(seconds),
      });
    }
    await next();
    if (ctx.status !== 400 && ctx.status !== 401) return undefined;
    const { allowed, retryAfter } = await limiter.take(network);
    if (!allowed) waiting.set(network, Date.now() + retryAfter * 1000);
    return undefined;
  };
}
