import type { Context, Middleware } from 'koa';
import type { Logger } from 'pino';

import { originOf } from './context.ts';
import { HttpError } from './errors.ts';
import { type Fault, faultOf, missingRoute } from './fault.ts';
import { wordsFor } from './fault-words.ts';
import type { Views } from './views.ts';

interface Deps {
  readonly views: Views;
  readonly log: Logger;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath?: string;
}

/** Only programs come here; whatever they accept, the answer is JSON. */
const FOR_PROGRAMS =
  /^\/(?:token|revoke|introspect|register|jwks|healthz|readyz)(?:\/|$)|\/\.well-known(?:\/|$)/;

/**
 * Turns whatever was thrown into an answer: a page for people, `{error, error_description}` of
 * RFC 6749 §5.2 for programs. What the error itself says stays in the log, under the request id.
 *
 * Stands inside `requestContext` and `securityHeaders` and outside everything else.
 */
export function errorBoundary({ views, log, basePath = '' }: Deps): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      const missing = missingRoute(ctx);
      if (missing) throw missing;
    } catch (error) {
      if (ctx.req.socket.destroyed) {
        log.debug({ request_id: originOf(ctx).requestId }, 'the caller went away');
        return;
      }
      const fault = faultOf(error);
      report(log, ctx, fault, error);
      await answer(ctx, fault);
    }
  };

  async function answer(ctx: Context, fault: Fault): Promise<void> {
    if (ctx.headerSent) return;
    for (const name of ['Content-Type', 'Content-Length', 'ETag', 'Location']) ctx.remove(name);
    ctx.set(fault.headers);
    ctx.set('Cache-Control', 'no-store');
    if (wantsJson(ctx)) {
      ctx.status = fault.status;
      ctx.body = { error: fault.code, error_description: fault.description };
      return;
    }
    const { requestId } = originOf(ctx);
    await views.render(
      ctx,
      'error',
      { ...wordsFor(fault), requestId, code: fault.code },
      { status: fault.status },
    );
  }

  function wantsJson(ctx: Context): boolean {
    const path = ctx.path.startsWith(basePath) ? ctx.path.slice(basePath.length) : ctx.path;
    return FOR_PROGRAMS.test(path) || ctx.accepts('html', 'json') !== 'html';
  }
}

/** Our own faults are errors, an absent store is a warning, and a refusal is what we are here for. */
function report(log: Logger, ctx: Context, fault: Fault, error: unknown): void {
  const line = { request_id: originOf(ctx).requestId, status: fault.status, error: fault.code };
  if (fault.status === 500) log.error({ ...line, err: error }, 'request failed');
  else if (fault.status > 500) log.warn({ ...line, err: error }, 'request not served');
  else if (error instanceof HttpError) log.debug({ ...line, reason: error.message }, 'request refused');
  else log.debug({ ...line, err: error }, 'request refused');
}
