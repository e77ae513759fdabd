import type { Context } from 'koa';

import { originOf } from '../platform/http/index.ts';

/** RFC 9110 §15.4.4: after a form, look at another page; reloading it sends nothing again. */
export function seeOther(ctx: Context, location: string): void {
  ctx.status = 303;
  ctx.redirect(location);
}

/** The caller's address, which `requestContext` always knows. */
export function networkOf(ctx: Context): string {
  return originOf(ctx).network ?? '';
}

/** For passkey.js, which has its own words for each status. */
export function refuseJson(ctx: Context, status: 401 | 404 | 409): void {
  ctx.status = status;
  ctx.body = { error: 'access_denied', error_description: 'the passkey was not accepted' };
}
