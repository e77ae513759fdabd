import type { Context } from 'koa';

import { HttpError } from '../../platform/http/index.ts';

import { noteRefusal } from '../refusals/refusal.ts';

/** A bearer token in the header, which is the only place for it (RFC 6750 §2.1, RFC 7592 §2). */
export function bearerOf(ctx: Context): string | undefined {
  return /^bearer +([\w.~+/-]+=*) *$/i.exec(ctx.get('Authorization'))?.[1];
}

/**
 * RFC 6750 §3: the one answer to a token that is missing, unknown, of another client or of no more use.
 * Which of them it was is in the record.
 */
export function unauthorized(
  ctx: Context,
  why: { readonly reason: string; readonly client?: string | undefined; readonly description: string },
): HttpError {
  noteRefusal(ctx, {
    event: 'client.rejected',
    outcome: 'refused',
    reason: why.reason,
    client: why.client,
  });
  // RFC 6750 §3.1: without credentials there is no error to speak of.
  const presented = ctx.get('Authorization') !== '';
  return new HttpError(401, 'invalid_token', why.description, {
    'WWW-Authenticate': presented ? 'Bearer error="invalid_token"' : 'Bearer',
  });
}
