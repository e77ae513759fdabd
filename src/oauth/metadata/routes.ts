import type { Middleware } from 'koa';

import { prepared } from '../../platform/http/index.ts';

interface Deps {
  /** Issuer identifier. */
  readonly issuer: string;
  /** Makes the metadata document. */
  readonly metadata: () => Promise<object>;
  readonly jwks: () => Promise<object>;
}

/** Seconds that a client may keep the metadata. */
const METADATA_MAX_AGE = 300;
/** Seconds that a verifier may keep the keys; a new key is published at least this long before it signs. */
export const JWKS_MAX_AGE = 300;
/** Milliseconds that this process serves a prepared buffer before it looks whether it changed. */
const REFRESH = 1000;

/**
 * Discovery and keys, served from prepared buffers.
 *
 * An issuer with a path is found under each of the three addresses that clients try: RFC 8414 §3.1
 * and the same for OpenID put `/.well-known/…` before the path, OpenID Connect Discovery §4 after
 * it. Any other well-known path is a 404 in JSON, which makes a client go on to its next guess.
 */
export function metadataRoutes({ issuer, metadata, jwks }: Deps): Middleware {
  const { pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname;
  const document = refreshed(metadata, METADATA_MAX_AGE);
  const routes = new Map([
    [`/.well-known/oauth-authorization-server${path}`, document],
    [`/.well-known/openid-configuration${path}`, document],
    [`${path}/.well-known/openid-configuration`, document],
    [`${path}/.well-known/oauth-authorization-server`, document],
    [`${path}/jwks`, refreshed(jwks, JWKS_MAX_AGE)],
  ]);

  return async (ctx, next) => {
    const route = routes.get(ctx.path);
    if (route) return route(ctx, next);
    return next();
  };
}

/** A prepared response whose content is looked at again at most once a second, by one request at a time. */
function refreshed(make: () => Promise<object>, maxAge: number): Middleware {
  let current: { readonly text: string; readonly serve: Middleware } | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  const check = async () => {
    const text = JSON.stringify(await make());
    if (text !== current?.text)
      current = { text, serve: prepared(text, { type: 'application/json', maxAge }) };
    checkedAt = performance.now();
  };

  return async (ctx, next) => {
    if (performance.now() - checkedAt > REFRESH) {
      checking ??= check().finally(() => {
        checking = undefined;
      });
      // While the store is away the last good copy answers; only the very first needs it.
      await checking.catch((error: unknown) => {
        if (!current) throw error;
      });
    }
    return current?.serve(ctx, next);
  };
}
