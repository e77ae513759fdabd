import type { Middleware } from 'koa';

import { HttpError } from './errors.ts';

/** Bytes of a request target. A long `state` fits; a smuggled document does not. */
const MAX_URL_BYTES = 16 * 1024;
/** Bytes of a request body, whatever its type. */
export const MAX_BODY_BYTES = 64 * 1024;
/** Parameters of a query or a form. */
export const MAX_PARAMETERS = 100;

/**
 * Refuses what is too large before anything is parsed or read: the target (414), the announced body
 * (413), the number of query parameters and a NUL in the path (400). A body without an announced length is counted
 * while it is read.
 */
export function limits({ bodyBytes = MAX_BODY_BYTES }: { readonly bodyBytes?: number } = {}): Middleware {
  return async (ctx, next) => {
    if (Buffer.byteLength(ctx.req.url ?? '') > MAX_URL_BYTES) {
      throw new HttpError(414, 'invalid_request', 'the request target is too long', { Connection: 'close' });
    }
    if (ctx.path.includes('%00')) throw notText();
    if ((ctx.request.length ?? 0) > bodyBytes) throw bodyTooLarge();
    if (countParameters(ctx.querystring) > MAX_PARAMETERS) throw tooManyParameters();
    await next();
  };
}

/** The connection is closed, because the rest of the body will not be read. */
export function bodyTooLarge(): HttpError {
  return new HttpError(413, 'invalid_request', 'the request body is too large', { Connection: 'close' });
}

export function tooManyParameters(): HttpError {
  return new HttpError(400, 'invalid_request', 'there are too many parameters');
}

/** No text that we keep or look for has a NUL, and PostgreSQL takes none. */
export function notText(): HttpError {
  return new HttpError(400, 'invalid_request', 'a NUL is not a part of any text');
}

/** How many `name=value` pairs a query or a form body has, without parsing it. */
export function countParameters(encoded: string): number {
  if (encoded === '') return 0;
  let count = 1;
  for (let at = encoded.indexOf('&'); at !== -1; at = encoded.indexOf('&', at + 1)) count += 1;
  return count;
}
