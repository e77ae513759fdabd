import type { Context, Middleware } from 'koa';

import { originOf } from './context.ts';
import type { RouteOf } from './route-names.ts';

/** A request that is over, in words of which there are few. */
export interface EndedRequest {
  readonly route: string;
  readonly method: string;
  /** Three digits, or `aborted` when the caller went away first. */
  readonly status: string;
  readonly seconds: number;
}

/** Whoever counts requests. */
export interface RequestObserver {
  started(): void;
  ended(request: EndedRequest): void;
}

/** Whoever traces them; the shape of `platform/observability`. */
interface Traces {
  request(traceparent: string | readonly string[] | undefined): {
    run<T>(work: () => T): T;
    end(facts: {
      readonly name: string;
      readonly attributes: Readonly<Record<string, string | number>>;
      readonly failed: boolean;
    }): void;
  };
}

interface Deps {
  readonly observer: RequestObserver;
  readonly routeOf: RouteOf;
  /** Absent where nothing is traced. */
  readonly traces?: Traces | undefined;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/**
 * Lets requests be counted, timed and traced, from their arrival to the last byte of the answer.
 *
 * Stands within `requestContext`, which gives them their id, and outside of everything else. What is
 * said of a request is its route, method and status, and in a trace its id; never a path, a query, a
 * header or who it was.
 */
export function observeRequests({ observer, routeOf, traces }: Deps): Middleware {
  return (ctx, next) => {
    const started = performance.now();
    observer.started();
    const trace = traces?.request(ctx.headers['traceparent']);

    ctx.res.once('close', () => {
      const seconds = (performance.now() - started) / 1000;
      const route = routeOf(ctx);
      const method = METHODS.has(ctx.method) ? ctx.method : 'other';
      const status = ctx.res.writableFinished ? String(ctx.res.statusCode) : 'aborted';
      observer.ended({ route, method, status, seconds });
      trace?.end({
        name: `${method} ${route}`,
        attributes: attributesOf(ctx, { route, method, status }),
        failed: status.startsWith('5'),
      });
    });
    return trace ? trace.run(next) : next();
  };
}

function attributesOf(
  ctx: Context,
  { route, method, status }: Omit<EndedRequest, 'seconds'>,
): Record<string, string | number> {
  return {
    'http.request.method': method,
    'http.route': route,
    ...(status === 'aborted' ? { 'error.type': status } : { 'http.response.status_code': Number(status) }),
    'gatehouse.request_id': originOf(ctx).requestId,
  };
}
