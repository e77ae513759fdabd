import type { Middleware } from 'koa';

import { type Document, type PreparedText, prepare, prepared } from '../../platform/http/index.ts';

interface Deps {
  /** Issuer identifier. */
  readonly issuer: string;
  /** Seconds that a verifier may keep the keys; a new key is published at least this long before it signs. */
  readonly jwksLifetime: number;
  /** Makes the metadata document. */
  readonly metadata: () => Promise<object>;
  readonly jwks: () => Promise<object>;
}

/** Discovery and keys. */
export interface MetadataRoutes {
  readonly middleware: Middleware;
  /** The same by path, for plain requests. */
  readonly documents: ReadonlyMap<string, Document>;
}

/** Seconds that a client may keep the metadata. */
const METADATA_MAX_AGE = 300;
/** Milliseconds that this process serves the prepared metadata before it looks whether they changed. */
const REFRESH = 1000;

/**
 * Discovery and keys, served from prepared buffers.
 *
 * An issuer with a path is found under each of the three addresses that clients try: RFC 8414 §3.1
 * and the same for OpenID put `/.well-known/…` before the path, OpenID Connect Discovery §4 after
 * it. Any other well-known path is a 404 in JSON, which makes a client go on to its next guess.
 */
export function metadataRoutes({ issuer, jwksLifetime, metadata, jwks }: Deps): MetadataRoutes {
  const { pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname;
  // Not longer than the keys: the document names the algorithms of keys that are about to sign.
  const maxAge = Math.min(METADATA_MAX_AGE, jwksLifetime);
  const document = refreshed(metadata, { maxAge, refresh: REFRESH });
  const routes = new Map([
    [`/.well-known/oauth-authorization-server${path}`, document],
    [`/.well-known/openid-configuration${path}`, document],
    [`${path}/.well-known/openid-configuration`, document],
    [`${path}/.well-known/oauth-authorization-server`, document],
    [`${path}/jwks`, refreshed(jwks, { maxAge: jwksLifetime, refresh: 0 })],
  ]);

  return {
    documents: new Map([...routes].map(([address, { ready }]) => [address, ready])),
    async middleware(ctx, next) {
      const route = routes.get(ctx.path);
      return route ? route.middleware(ctx, next) : next();
    },
  };
}

const TYPE = 'application/json; charset=utf-8';

/** A prepared response whose content is looked at again after `refresh` milliseconds, by one request at a time. */
function refreshed(
  make: () => Promise<object>,
  { maxAge, refresh }: { readonly maxAge: number; readonly refresh: number },
): { readonly middleware: Middleware; readonly ready: Document } {
  let current: { readonly ready: PreparedText; readonly serve: Middleware } | undefined;
  let made: object | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  const check = async () => {
    const now = await make();
    if (now !== made) {
      made = now;
      const text = JSON.stringify(now);
      if (text !== current?.ready.text) {
        const ready = { ...prepare(text, { type: TYPE, maxAge }), text };
        current = { ready, serve: prepared(ready) };
      }
    }
    checkedAt = performance.now();
  };
  const look = async () => {
    if (performance.now() - checkedAt < refresh) return;
    checking ??= check().finally(() => {
      checking = undefined;
    });
    await checking;
  };

  return {
    async ready() {
      await look();
      return current?.ready;
    },
    async middleware(ctx, next) {
      // While the store is away the last good copy answers; only the very first needs it. Its age keeps
      // whoever takes it from holding on to it for longer than to one that was looked at (RFC 9111 §5.1).
      await look().catch((error: unknown) => {
        if (!current) throw error;
        ctx.set('Age', String(Math.ceil((performance.now() - checkedAt) / 1000)));
      });
      return current?.serve(ctx, next);
    },
  };
}
