import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';

import type { AnonymousRecorder } from '../../domain/audit/index.ts';
import { HttpError } from '../../platform/http/index.ts';
import { noteGraverRefusal } from '../refusals/refusal.ts';
import { wordsOf } from '../refusals/words.ts';
import { recordStarted } from './flow.ts';
import type { RepeatableRedirects } from './interaction/repeatable-redirect.ts';
import { normalizeAuthorizationRequest } from './request.ts';

const REQUEST = '/authorize';
/** Where the interaction sends the browser back to. */
const RESUME = /^\/authorize\/([\w-]{1,64})$/;

/** What decides where an error may be sent to: doubled, it names nobody (RFC 6749 §3.1). */
const DECISIVE = ['client_id', 'redirect_uri'] as const;

/**
 * The authorization endpoint around the library: `/authorize` and `/authorize/:uid`, spelled exactly
 * so and asked by GET alone.
 *
 * The library would take other spellings, and HEAD, for the same; those would get past the rules
 * that are put on the request here. A posted request is refused and not read: one request has one
 * source of parameters. What is doubled of what decides the redirect is refused on a page, before
 * the library falls back on the one redirect that is registered.
 *
 * A redirect to a private-use scheme is repeated for the same browser while its code waits to be redeemed.
 */
export function authorizationEndpoint(
  library: Middleware,
  {
    anonymous,
    guardErrorRedirect,
    redirects,
  }: {
    readonly anonymous: Pick<AnonymousRecorder, 'record'>;
    readonly guardErrorRedirect: (ctx: Context) => Promise<void>;
    readonly redirects: RepeatableRedirects;
  },
): Middleware {
  return async (ctx, next) => {
    const uid = RESUME.exec(ctx.path)?.[1];
    const resumes = uid !== undefined;
    if (ctx.path !== REQUEST && !resumes) return next();
    if (ctx.method !== 'GET') throw wrongMethod(ctx, resumes);
    if (resumes) {
      // Its path is all that it says: where nothing is under way the library would take a query for the request.
      ctx.querystring = '';
      const finished = await redirects.findAtEndpoint(ctx, uid);
      if (finished) return repeat(ctx, finished.location);
    } else {
      const query = new URLSearchParams(ctx.querystring);
      if (DECISIVE.some((name) => query.getAll(name).length > 1)) {
        throw refused(ctx, 'duplicate_param', 400, 'client_id and redirect_uri must be given once');
      }
      ctx.querystring = normalizeAuthorizationRequest(query).toString();
    }
    await library(ctx, next);
    if (leadsToClient(ctx)) {
      holdRedirect(ctx);
      await guardErrorRedirect(ctx);
      if (resumes) await redirects.keep(ctx, uid);
    } else await recordStarted(anonymous, ctx as unknown as KoaContextWithOIDC);
    return undefined;
  };
}

/** Redirects the browser to where it was redirected before. */
function repeat(ctx: Context, location: string): void {
  ctx.set('Cache-Control', 'no-store');
  ctx.redirect(location);
  ctx.status = 303;
}

function wrongMethod(ctx: Context, resumes: boolean): HttpError {
  const posted = ctx.method === 'POST' && !resumes;
  return refused(ctx, 'method', posted ? 400 : 405, 'an authorization request is made by GET', {
    Allow: 'GET',
  });
}

/** RFC 6749 §4.1.2.1: the last gate. Between request and answer the redirect may have been taken from the client. */
function holdRedirect(ctx: Context): void {
  const { client, params } = (ctx as unknown as KoaContextWithOIDC).oidc;
  const redirectUri = params?.['redirect_uri'];
  if (client && typeof redirectUri === 'string' && client.redirectUriAllowed(redirectUri)) return;
  ctx.remove('Location');
  throw refused(ctx, 'redirect_uri', 400, 'the redirect is no longer registered for this program');
}

/** A redirect that is not our own step to the interaction, whose address is a path. */
function leadsToClient(ctx: Context): boolean {
  const location = ctx.res.getHeader('Location');
  return typeof location === 'string' && !location.startsWith('/');
}

function refused(
  ctx: Context,
  reason: string,
  status: number,
  description: string,
  headers: Readonly<Record<string, string>> = {},
): HttpError {
  const named = new URLSearchParams(ctx.querystring).getAll('client_id');
  noteGraverRefusal(ctx, {
    event: 'authorization.rejected',
    outcome: 'refused',
    reason,
    client: named.length === 1 ? named[0] : undefined,
  });
  const words = reason === 'redirect_uri' ? wordsOf(reason) : undefined;
  return new HttpError(status, 'invalid_request', description, headers, words);
}
