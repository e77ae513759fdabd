import Koa, { type Middleware } from 'koa';
import type { Logger } from 'pino';

import { internalHosts } from './internal-hosts.ts';
import { requestContext } from './request-context.ts';
import { securityHeaders } from './security-headers.ts';

/** One thing that must work before this process should get requests. Rejects when it does not. */
export interface ReadinessCheck {
  readonly name: string;
  check(): Promise<unknown>;
}

interface Deps {
  readonly log: Logger;
  readonly checks: readonly ReadinessCheck[];
  /** True once the process is on its way out. */
  readonly draining: () => boolean;
  /** What is told at `/metrics`; without it there is no such path. */
  readonly metrics?: (() => Promise<Exposition>) | undefined;
  /** Host names that are answered, beside localhost and IP addresses. */
  readonly hosts?: readonly string[];
}

/** Metrics in the words of whoever collects them. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** A check that has not answered after so many milliseconds has failed. */
const CHECK_TIMEOUT = 2_000;

/** `/healthz`: the process runs and its event loop turns. Says nothing else to anybody. */
export function health(basePath = ''): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== `${basePath}/healthz` || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { status: 'ok' };
  };
}

/**
 * The app of the internal listener: `/healthz`, and `/readyz`, which is 503 while a check fails or
 * the process drains, so that a load balancer looks elsewhere, and `/metrics`. Never exposed to the
 * public.
 */
export function createInternalApp({ log, checks, draining, metrics, hosts = [] }: Deps): Koa {
  const app = new Koa();
  app.use(requestContext({ log: log.child({}, { level: 'warn' }), trustedProxies: [] }));
  app.use(securityHeaders({ issuer: 'http://localhost' }));
  app.use(internalHosts(hosts));
  app.use(health());
  app.use(async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    if (metrics && ctx.path === '/metrics') {
      const { contentType, text } = await metrics();
      ctx.set('Content-Type', contentType);
      ctx.body = text;
      return;
    }
    if (ctx.path !== '/readyz') {
      ctx.status = 404;
      ctx.body = { error: 'not_found' };
      return;
    }
    const failing = (await Promise.all(checks.map((check) => failureOf(check, log)))).flat();
    const ready = failing.length === 0 && !draining();
    ctx.status = ready ? 200 : 503;
    ctx.body = ready ? { status: 'ready' } : { status: draining() ? 'draining' : 'not ready', failing };
  });
  return app;
}

async function failureOf({ name, check }: ReadinessCheck, log: Logger): Promise<readonly string[]> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, CHECK_TIMEOUT, new Error(`no answer after ${CHECK_TIMEOUT} ms`));
  try {
    await Promise.race([check(), timeout]);
    return [];
  } catch (error) {
    log.warn({ check: name, err: error }, 'not ready');
    return [name];
  } finally {
    clearTimeout(timer);
  }
}
