import type { Context } from 'koa';

import type { Origin } from '../../kernel/origin.ts';

/** What `requestContext` puts into `ctx.state`. */
export interface RequestState {
  /** `req_…`, made here, also sent as `X-Request-Id`. */
  readonly requestId: string;
  /** IP address of the caller, IPv4-mapped ones as IPv4. */
  readonly network: string;
}

/** Where a request came from, for the audit record. */
export function originOf(ctx: Pick<Context, 'state'>): Origin {
  const { requestId, network } = ctx.state as RequestState;
  return { requestId, network };
}
