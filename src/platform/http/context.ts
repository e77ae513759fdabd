import type { Context } from 'koa';

import type { Origin } from '../../kernel/origin.ts';

/** What `requestContext` puts into `ctx.state`. */
export interface RequestState {
  /** `req_…`, made here, also sent as `X-Request-Id`. */
  readonly requestId: string;
  /** IP address of the caller, IPv4-mapped ones as IPv4. */
  readonly network: string;
  /** The authorization that this request is a part of, where the door that knows it has said so. */
  flow?: string;
}

/** Where a request came from, for the audit record. */
export function originOf(ctx: Pick<Context, 'state'>): Origin {
  const { requestId, network, flow } = ctx.state as RequestState;
  return { requestId, network, ...(flow === undefined ? {} : { flow }) };
}
