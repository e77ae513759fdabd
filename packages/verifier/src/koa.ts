import type { IncomingMessage, ServerResponse } from 'node:http';

import { createGuard, type GuardOptions } from './guard.ts';
import { authInfo } from './mcp.ts';
import { fromNode } from './node-request.ts';
import { endResponseAfter } from './stream-end.ts';

/** What is needed of a Koa context. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly request: { body?: unknown };
  readonly originalUrl: string;
  readonly state: object;
  status: number;
  body: unknown;
  set(headers: Record<string, string>): void;
}

/** Middleware for Koa. */
export type KoaMiddleware = (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void>;

/**
 * Guards a Koa app, or one path of it.
 *
 * An admitted request has the verified token in `ctx.state.token`, the `AuthInfo` of the SDKs in
 * `ctx.req.auth` and, when there is a tool catalogue, its JSON in `ctx.request.body`: hand that to the
 * transport, because the stream is read.
 */
export function koa(options: GuardOptions): KoaMiddleware {
  const guard = createGuard(options);
  return async (ctx, next) => {
    const request = Object.assign(fromNode(ctx.req, ctx.request.body), { target: ctx.originalUrl });
    const verdict = await guard(request);
    if (verdict.kind === 'answer') {
      const { status, headers, json } = verdict.answer;
      ctx.set({ ...headers, ...(status === 413 && { connection: 'close' }) });
      ctx.status = status;
      if (json !== undefined) ctx.body = json;
      return;
    }
    if (verdict.kind === 'admit') {
      Object.assign(ctx.state, { token: verdict.token });
      Object.assign(ctx.req, { auth: authInfo(verdict.accessToken, verdict.token) });
      if (verdict.body !== undefined) ctx.request.body = verdict.body.value;
      ctx.set({ ...verdict.headers });
      endResponseAfter(ctx.res, verdict.remaining);
    }
    await next();
  };
}
