import Router from '@koa/router';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Pool } from 'pg';

import type { Lifetimes } from '../../config/config.ts';
import type { DocumentMode } from '../../domain/admission/index.ts';
import { loadPresented } from '../../domain/grants/index.ts';
import { findResource } from '../../domain/resources/index.ts';
import { findBacking } from '../../domain/tokens/index.ts';
import { authenticatedEndpoint } from '../authorization/internals.ts';
import { noteRefusal } from '../refusals/refusal.ts';
import { whyDead } from '../token/grants/authority.ts';
import { type VerifyOwnToken, verifyOwnToken } from '../token/own-token.ts';

interface Deps {
  readonly provider: Provider;
  readonly pool: Pool;
  readonly issuer: string;
  readonly lifetimes: Lifetimes;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  readonly verify: VerifyOwnToken;
}

/** The one answer for everything that is not a living token of the caller's (RFC 7662 §2.2). */
const INACTIVE = { active: false };

/**
 * Token introspection (RFC 7662), for access tokens and refresh tokens.
 *
 * A resource may ask about tokens issued for itself, a client that authenticated itself about its own. A public
 * client, any other caller, and any token that no living grant backs get `active: false` and no reason. A scope that the
 * user took back from the grant is gone from the answer at once, although the token still says it.
 */
export function introspectionRoutes({ provider, pool, issuer, lifetimes, documents, verify }: Deps): Router {
  const router = new Router();
  const endpoint = authenticatedEndpoint(provider, {
    parameters: ['token', 'token_type_hint'],
    event: 'introspection.error',
  });

  router.post('/introspect', endpoint, async (context) => {
    const ctx = context as unknown as KoaContextWithOIDC;
    const token = ctx.oidc.params?.['token'];
    if (typeof token !== 'string' || token === '') throw new errors.InvalidRequest('token is required');
    // RFC 7662 §2.1: the caller must be authorized. The id of a public client proves nothing, and the answer would tell
    // a thief when the owner rotates.
    if (ctx.oidc.client?.tokenEndpointAuthMethod === 'none') {
      ctx.body = INACTIVE;
      return;
    }
    const caller = ctx.oidc.client?.clientId ?? '';
    ctx.body =
      (await accessToken(ctx, caller, token)) ?? (await refreshToken(ctx, caller, token)) ?? INACTIVE;
  });

  return router;

  async function accessToken(ctx: KoaContextWithOIDC, caller: string, value: string) {
    const claims = await verifyOwnToken(verify, issuer, value);
    if (!claims) return undefined;
    const token = { grantId: claims.grant_id, jti: claims.jti, exp: claims.exp };
    const backing = await findBacking(pool, token, documents);
    if (claims.client_id !== caller) {
      const resourceId = backing?.resourceId ?? (await findResource(pool, claims.aud))?.id;
      if (resourceId !== caller) return refused(ctx, caller, claims.grant_id);
    }
    const scopes = claims.scope.split(' ').filter((scope) => backing?.scopes.includes(scope));
    if (scopes.length === 0) return undefined;
    return { active: true, token_type: 'Bearer', ...claims, scope: scopes.join(' ') };
  }

  async function refreshToken(ctx: KoaContextWithOIDC, caller: string, value: string) {
    const { presented } = await loadPresented(pool, caller, { kind: 'refresh_token', value }, documents);
    if (presented?.kind !== 'refresh_token') return undefined;
    const { grant } = presented;
    if (grant.clientId !== caller) return refused(ctx, caller, grant.id);
    if (
      whyDead(grant, lifetimes) ||
      presented.expired ||
      presented.derivationDropped ||
      presented.usedSecondsAgo !== undefined
    )
      return undefined;
    return {
      active: true,
      iss: issuer,
      client_id: grant.clientId,
      sub: grant.userId,
      aud: grant.resource,
      scope: [...grant.scopes, ...grant.oidcScopes].join(' '),
      grant_id: grant.id,
      tenant: grant.tenantId,
    };
  }

  function refused(ctx: KoaContextWithOIDC, caller: string, grant: string) {
    noteRefusal(ctx, {
      event: 'introspection.rejected',
      outcome: 'refused',
      reason: 'not_entitled',
      client: caller,
      grant,
    });
    return INACTIVE;
  }
}
