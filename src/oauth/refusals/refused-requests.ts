import type { Context, Middleware } from 'koa';

import { HttpError, originOf } from '../../platform/http/index.ts';
import type { PrefixLimiter } from '../../platform/throttle/index.ts';

import { noteGraverRefusal, refusalOf } from './refusal.ts';

/** Where codes, tokens and secrets can be guessed at. */
const GUESSABLE = /^\/(?:token|introspect|revoke|register\/.+)$/;

/**
 * Bounds guessing (RFC 6749 §10.10): a network that guessed wrong too often hears nothing but 429 about
 * further guesses until the window ends.
 *
 * Only guesses count, and only guesses are turned away: a request that is right is answered, so that one
 * program in a loop, or somebody who means harm, cannot keep a whole office behind the same address from
 * refreshing. What is guessed at has 256 bits, so to be heard among the wrong ones is of no use.
 */
export function boundRefusedRequests({ limiter }: { readonly limiter: PrefixLimiter }): Middleware {
  return async (ctx, next) => {
    if (!GUESSABLE.test(ctx.path)) return next();
    let thrown: unknown;
    try {
      await next();
    } catch (error) {
      thrown = error;
    }
    if (isGuess(ctx, thrown)) await count(ctx);
    if (thrown) throw thrown;
    return undefined;
  };

  async function count(ctx: Context): Promise<void> {
    const { allowed, retryAfter } = await limiter.take(originOf(ctx).network ?? '');
    if (allowed) return;
    noteGraverRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: 'token' });
    ctx.remove('WWW-Authenticate');
    throw new HttpError(429, 'slow_down', 'too many refused requests from your network', {
      'Retry-After': String(retryAfter),
    });
  }
}

/** Refused, and not for something about a grant that there is: nobody finds one of those by guessing. */
function isGuess(ctx: Context, thrown: unknown): boolean {
  const status = thrown === undefined ? ctx.status : thrown instanceof HttpError ? thrown.status : 500;
  const refusal = refusalOf(ctx);
  return (status === 400 || status === 401) && refusal !== undefined && refusal.grant === undefined;
}
