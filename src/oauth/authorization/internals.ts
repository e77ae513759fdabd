/**
 * The one seam that reaches into oidc-provider's internals.
 *
 * Client authentication (RFC 6749 §2.3) is the library's, at every endpoint: it is well tested there
 * and not what we exist for. The library offers it only inside its own endpoints, and its own
 * introspection and revocation refuse the JWT access tokens that we issue, so the two endpoints
 * that are ours borrow the middleware. A test at each endpoint notices when an update moves it.
 */

import type { Middleware } from 'koa';
import compose from 'koa-compose';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
// @ts-expect-error The library has no types for its internals.
import als from 'oidc-provider/lib/helpers/als.js';
// @ts-expect-error The library has no types for its internals.
import assembleParams from 'oidc-provider/lib/shared/assemble_params.js';
// @ts-expect-error The library has no types for its internals.
import clientAuth, { getClientAuthParams } from 'oidc-provider/lib/shared/client_auth.js';
// @ts-expect-error The library has no types for its internals.
import errorHandler from 'oidc-provider/lib/shared/error_handler.js';
// @ts-expect-error The library has no types for its internals.
import rejectDupes from 'oidc-provider/lib/shared/reject_dupes.js';
// @ts-expect-error The library has no types for its internals.
import { urlencoded } from 'oidc-provider/lib/shared/selective_body.js';

/**
 * An endpoint that takes a form from an authenticated client: after it `ctx.oidc.client` is who
 * calls and `ctx.oidc.params` holds `parameters`, each at most once. Errors are answered as OAuth
 * JSON, which no cache keeps, and announced as `event` on the provider.
 */
export function authenticatedEndpoint(
  provider: Provider,
  { parameters, event }: { readonly parameters: readonly string[]; readonly event: string },
): Middleware {
  return compose([
    async (ctx, next) => {
      ctx.set('Cache-Control', 'no-store');
      const oidc = new provider.OIDCContext(ctx as never);
      // Where clients authenticate.
      Object.defineProperty(oidc, 'route', { value: 'token' });
      Object.defineProperty(ctx, 'oidc', { value: oidc, configurable: true });
      await als.run(ctx, next);
    },
    errorHandler(event),
    urlencoded,
    (ctx, next) => assembleParams(new Set([...parameters, ...getClientAuthParams(ctx)]), ctx, next),
    ...clientAuth,
    (ctx, next) => rejectDupes({}, ctx, next),
  ] as Middleware[]);
}

/** The part of a client's key store that is the same in every version that we know. */
interface KeyStore {
  clear(): void;
  add(key: object): void;
  /** Seconds since the epoch; until then it fetches nothing. */
  freshUntil?: number;
}

/** Gives a client the keys that its assertions are verified with, in place of what it publishes. */
export function setClientKeys(
  client: NonNullable<KoaContextWithOIDC['oidc']['client']>,
  keys: readonly object[],
): void {
  const { asymmetricKeyStore: store } = client as unknown as { readonly asymmetricKeyStore: KeyStore };
  store.freshUntil = Number.POSITIVE_INFINITY;
  store.clear();
  for (const key of keys) store.add(key);
}
