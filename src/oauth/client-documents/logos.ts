import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import Router from '@koa/router';
import type { Pool } from 'pg';

import { type DocumentMode, findStanding } from '../../domain/admission/index.ts';
import { createCopies, type GuardedFetch } from '../../platform/fetch/index.ts';
import { HttpError } from '../../platform/http/index.ts';
import { repackPng } from '../../platform/images/index.ts';

import { isStranger } from '../authorization/trust.ts';

export interface Logos {
  /** Begins to fetch the logo of a client, for a page that may be shown soon, if the client is admitted above `untrusted`. */
  prefetch(clientId: string, url: string | undefined): void;
  /** The path below the issuer at which it is served; `undefined` when there is none, or not yet. */
  find(url: string | undefined): Promise<string | undefined>;
  readonly routes: Router;
}

interface Deps {
  readonly pool: Pool;
  readonly fetch: GuardedFetch;
  /** Milliseconds. */
  readonly timeout: number;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
}

/** Bytes; for 512 by 512 pixels that is a lot. */
const MAX_LOGO = 256 * 1024;
/** Seconds. A logo that could change from one page to the next could be another's for a moment. */
const FRESH = { min: 3_600, max: 86_400 };
/** Milliseconds that a page waits for a logo that is on its way. */
const PATIENCE = 400;
/** Seconds; the name changes with the content. */
const FOREVER = 31_536_000;

/**
 * The logos of clients (draft 02 §8.8): fetched by us, through the guard, packed anew and served from here, so
 * that nobody's browser tells a stranger who is about to consent, and no page shows what is not a plain image.
 */
export function openLogos({ pool, fetch, timeout, documents, defaultTenant }: Deps): Logos {
  const copies = createCopies({
    pool,
    fetch,
    kind: 'logo',
    request: { accept: ['image/png'], maxBytes: MAX_LOGO, timeoutMs: timeout },
    fresh: FRESH,
    read: async (_url, { body }) => repackPng(body),
  });
  /** A page is shown without a logo as well, whatever the reason. */
  const get = (url: string) => copies.get(url).catch(() => undefined);
  const routes = new Router();

  routes.get('/logos/:hash.png', async (ctx) => {
    const hash = /^[0-9a-f]{64}$/.exec(ctx.params['hash'] ?? '')?.[0];
    const logo = hash && (await copies.findByHash(Buffer.from(hash, 'hex')));
    if (!logo) throw new HttpError(404, 'not_found', 'there is no such logo');
    ctx.set('Cache-Control', `public, max-age=${FOREVER}, immutable`);
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
    ctx.type = 'image/png';
    ctx.body = logo;
  });

  return {
    routes,
    prefetch(clientId, url) {
      if (url === undefined) return;
      // The page asks again, at the tenant in question. A fetch would tell an attacker that the user looked.
      findStanding(pool, { clientId, tenantId: defaultTenant, documents })
        .then((standing) =>
          standing && !isStranger(standing.trust) && !standing.refusal ? get(url) : undefined,
        )
        .catch(() => undefined);
    },
    async find(url) {
      const logo = url === undefined ? undefined : await Promise.race([get(url), delay(PATIENCE, undefined)]);
      return logo && `/logos/${createHash('sha256').update(logo).digest('hex')}.png`;
    },
  };
}
