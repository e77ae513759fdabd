import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Pool } from 'pg';

import { isCodeRedeemable } from '../../../domain/grants/index.ts';
import type { Sealer } from '../../../platform/crypto/box.ts';
import type { Cookies } from '../../../platform/http/index.ts';
import { sealedState } from '../adapter/sealed-state.ts';

import { findIfThere } from './purpose.ts';
import { describeRedirect } from './redirect.ts';

/** Seconds for which the browser may follow the redirect again. */
const REPEAT_SECONDS = 60;

/** The redirect of a finished authorization, as it is kept. */
export interface FinishedRedirect {
  readonly location: string;
  readonly clientId: string;
  readonly redirectUri: string;
}

export interface RepeatableRedirects {
  /** Keeps the redirect of this response, if it opens a program by a private-use scheme. */
  keep(ctx: Context, uid: string): Promise<void>;
  /** Returns the kept redirect at `/authorize/:uid`; `undefined` if it may not be followed again. */
  findAtEndpoint(ctx: Context, uid: string): Promise<FinishedRedirect | undefined>;
  /** Returns the same at `/interaction/:uid/done`. */
  findAtPage(ctx: Context, uid: string): Promise<FinishedRedirect | undefined>;
}

/**
 * Keeps the redirect to a private-use scheme (RFC 8252 §7.1) so that the same browser can follow it again.
 *
 * A browser may drop such a redirect: it asks the person first, or opens no program without a click. The page
 * stays, and its button or a reload leads here a second time. The repeated redirect carries the same code,
 * never a second one, and only until that code is redeemed or expires. The redirect is sealed, and it is found only
 * with the signed cookie of the interaction, so that another browser gets nothing.
 */
export function createRepeatableRedirects({
  provider,
  pool,
  sealer,
  cookies,
  basePath,
}: {
  readonly provider: Provider;
  readonly pool: Pool;
  readonly sealer: Sealer;
  readonly cookies: Pick<Cookies, 'name'>;
  readonly basePath: string;
}): RepeatableRedirects {
  const kept = sealedState('redirect', { pool, sealer });
  const endpointCookie = cookies.name('resume', '/authorize');
  const pageCookie = cookies.name('interaction', '/interaction');

  async function find(ctx: Context, uid: string, cookie: string): Promise<FinishedRedirect | undefined> {
    if (ctx.cookies.get(cookie, { signed: true }) !== uid) return undefined;
    const found = (await kept.find(uid)) as FinishedRedirect | undefined;
    if (!found) return undefined;
    const code = new URL(found.location).searchParams.get('code');
    if (code !== null && !(await isCodeRedeemable(pool, code))) return undefined;
    // The redirect may have been taken from the client since.
    const client = await findIfThere(provider, found.clientId);
    return client?.redirectUriAllowed(found.redirectUri) ? found : undefined;
  }

  return {
    async keep(ctx, uid) {
      const { client, params } = (ctx as unknown as KoaContextWithOIDC).oidc;
      const location = ctx.res.getHeader('Location');
      const redirectUri = params?.['redirect_uri'];
      if (!client || typeof location !== 'string' || typeof redirectUri !== 'string') return;
      if (!describeRedirect(redirectUri).privateUse) return;
      const redirect: FinishedRedirect = { location, clientId: client.clientId, redirectUri };
      await kept.upsert(uid, { ...redirect }, REPEAT_SECONDS);
      // The library has just cleared it; it proves once more that this is the browser of the interaction.
      ctx.cookies.set(endpointCookie, uid, {
        httpOnly: true,
        sameSite: 'lax',
        secure: provider.issuer.startsWith('https:'),
        signed: true,
        overwrite: true,
        path: `${basePath}/authorize/${uid}`,
        maxAge: REPEAT_SECONDS * 1000,
      });
    },

    findAtEndpoint: (ctx, uid) => find(ctx, uid, endpointCookie),
    findAtPage: (ctx, uid) => find(ctx, uid, pageCookie),
  };
}
