import type { Context, Middleware } from 'koa';
import type { Logger } from 'pino';

import { newId } from '../../kernel/ids.ts';

import type { RequestState } from './context.ts';
import { createRequestLog } from './request-log.ts';
import { createClientAddress } from './trusted-proxies.ts';

interface Deps {
  readonly log: Logger;
  /** Addresses and CIDR blocks; empty means that nobody's X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
}

const MAX_PATH = 200;

/**
 * The outermost middleware: gives each request its id and the caller's address, and writes one line
 * for it when the response is over.
 *
 * The id is never taken from outside, so that nobody can make two requests share one in the audit
 * trail. The line has the path without query, and without the segments that are tokens.
 */
export function requestContext({ log, trustedProxies }: Deps): Middleware {
  const clientAddress = createClientAddress(trustedProxies);
  const write = createRequestLog(log);

  return async (ctx, next) => {
    const started = performance.now();
    const forwardedFor = ctx.headers['x-forwarded-for'];
    const state: RequestState = {
      requestId: newId('req'),
      network: clientAddress(
        ctx.req.socket.remoteAddress,
        Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor,
      ),
    };
    Object.assign(ctx.state, state);
    ctx.set('X-Request-Id', state.requestId);

    ctx.res.once('close', () => {
      write(ctx.res, { ...state, method: ctx.method, path: loggedPath(ctx), started });
    });
    await next();
  };
}

/** The route's pattern where a router matched, else the path with everything that looks like a token left out. */
function loggedPath(ctx: Context): string {
  const matched: unknown = ctx['_matchedRoute'];
  if (typeof matched === 'string') return matched;
  const path = ctx.originalUrl.split(/[?#]/, 1)[0] ?? '';
  return path.slice(0, MAX_PATH).split('/').map(withoutToken).join('/');
}

/** With a part that is long and not made of lower-case words: an identifier, a code, a JWT or a link's secret. */
function withoutToken(segment: string): string {
  return segment.split('.').some((part) => part.length >= 16 && /[A-Z0-9_%]/.test(part)) ? ':id' : segment;
}
