import type { Middleware } from 'koa';

import { HttpError } from '../../platform/http/index.ts';

/** Methods of the endpoints that are not documents: a path, and what may be sent there. */
const METHODS: readonly (readonly [path: RegExp, allowed: readonly string[]])[] = [
  [/^\/(?:token|introspect|revoke|register)$/, ['POST']],
  [/^\/register\/[^/]+$/, ['GET', 'PUT', 'DELETE']],
];

/**
 * Refuses a method that an endpoint does not have with 405 and `Allow` (RFC 9110 §15.5.6): a 404 reads as a
 * wrong address. Answers a plain OPTIONS with the methods; preflights are answered by `cors`.
 */
export function methods(): Middleware {
  return async (ctx, next) => {
    const [, allowed] = METHODS.find(([path]) => path.test(ctx.path)) ?? [];
    if (!allowed || allowed.includes(ctx.method)) return next();
    const Allow = ['OPTIONS', ...allowed].join(', ');
    if (ctx.method !== 'OPTIONS') {
      throw new HttpError(405, 'invalid_request', `send ${allowed.join(', ')} to this endpoint`, { Allow });
    }
    ctx.set('Allow', Allow);
    ctx.status = 204;
    return undefined;
  };
}
