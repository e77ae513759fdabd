import type { Context } from 'koa';

import { DomainError, type ErrorCode } from '../../kernel/errors.ts';

import { isStoreUnavailable } from '../database/errors.ts';

import { HttpError } from './errors.ts';
import type { ErrorWords } from './pages.ts';

/** What may be said about an error outside. */
export interface Fault {
  readonly status: number;
  readonly code: string;
  readonly description: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a person reads, where more is known than the status says. */
  readonly words?: ErrorWords | undefined;
}

/** Seconds after which a client may try again when the store is away. */
const STORE_RETRY_AFTER = 2;

/** One answer for each domain code, as plain HTTP. The OAuth door has a table of its own. */
const DOMAIN: Readonly<Record<ErrorCode, readonly [status: number, code: string, description: string]>> = {
  already_exists: [409, 'invalid_request', 'it exists already'],
  not_found: [404, 'not_found', 'there is nothing here'],
  invalid_input: [400, 'invalid_request', 'the request cannot be accepted'],
  invalid_grant: [400, 'invalid_grant', 'the grant is not valid'],
  invalid_scope: [400, 'invalid_scope', 'the scope is not valid'],
  invalid_target: [400, 'invalid_target', 'the resource is not valid'],
  redirect_uri_refused: [400, 'invalid_redirect_uri', 'the redirect URI is not acceptable'],
  throttled: [429, 'slow_down', 'there were too many requests'],
  not_authenticated: [401, 'access_denied', 'sign in first'],
  store_unavailable: [503, 'temporarily_unavailable', 'the service is not available at the moment'],
};

/** Never looks at the message of an error that was not written for the wire. */
export function faultOf(error: unknown): Fault {
  if (error instanceof HttpError) return error;
  const domainCode = isStoreUnavailable(error)
    ? 'store_unavailable'
    : error instanceof DomainError
      ? error.code
      : undefined;
  if (domainCode !== undefined) {
    const [status, code, description] = DOMAIN[domainCode];
    const retryAfter = status === 503 ? STORE_RETRY_AFTER : retryAfterOf(error);
    return {
      status,
      code,
      description,
      headers: retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) },
    };
  }
  const status = clientStatusOf(error);
  return status === undefined
    ? { status: 500, code: 'server_error', description: 'something went wrong on our side', headers: {} }
    : { status, code: 'invalid_request', description: 'the request is not valid', headers: {} };
}

/** What a route that does not exist, or does not take the method, becomes; `undefined` for every other response. */
export function missingRoute(ctx: Context): HttpError | undefined {
  if (ctx.body !== undefined && ctx.body !== null) return undefined;
  if (ctx.respond === false || ctx.headerSent) return undefined;
  if (ctx.status === 404) return new HttpError(404, 'not_found', 'there is nothing here');
  if (ctx.status === 405 || ctx.status === 501) {
    // Not a string when the header is not set, whatever the types of Koa say.
    const allow: unknown = ctx.response.get('Allow');
    return new HttpError(
      405,
      'invalid_request',
      'the method is not allowed here',
      typeof allow === 'string' && allow !== '' ? { Allow: allow } : {},
    );
  }
  return undefined;
}

/** The 4xx of an error that koa or one of its parts threw, for example for a path that does not decode. */
function clientStatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error) || !('expose' in error)) return undefined;
  const { status, expose } = error;
  return expose === true && typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function retryAfterOf(error: unknown): number | undefined {
  return error instanceof DomainError && 'retryAfter' in error && typeof error.retryAfter === 'number'
    ? error.retryAfter
    : undefined;
}
