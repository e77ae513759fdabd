import Router from '@koa/router';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Pool } from 'pg';
import type { DocumentMode } from '../../domain/admission/index.ts';
import { loadPresented, revokeGrant } from '../../domain/grants/index.ts';
import { revokeAccessToken } from '../../domain/tokens/index.ts';
import { byClient } from '../../kernel/cause.ts';
import { originOf } from '../../platform/http/index.ts';
import { authenticatedEndpoint } from '../authorization/internals.ts';
import { noteRefusal } from '../refusals/refusal.ts';
import { entryFor } from '../token/grants/response.ts';
import { type VerifyOwnToken, verifyOwnToken } from '../token/own-token.ts';

interface Deps {
  readonly provider: Provider;
  readonly pool: Pool;
  readonly issuer: string;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  readonly verify: VerifyOwnToken;
}

/**
 * Token revocation (RFC 7009).
 *
 * Revoking a refresh token ends its grant, and with it every access token. Revoking an access token
 * ends that token alone. Unknown and malformed tokens are answered with 200, since what they ask
 * for is already so; a token of somebody else is refused and nothing changes (§2.1). The answer
 * leaves after the commit, so a 200 is never a promise. `token_type_hint` is only a hint and is not needed.
 */
export function revocationRoutes({ provider, pool, issuer, documents, verify }: Deps): Router {
  const router = new Router();
  const endpoint = authenticatedEndpoint(provider, {
    parameters: ['token', 'token_type_hint'],
    event: 'revocation.error',
  });

  router.post('/revoke', endpoint, async (context) => {
    const ctx = context as unknown as KoaContextWithOIDC;
    const token = ctx.oidc.params?.['token'];
    if (typeof token !== 'string' || token === '') throw new errors.InvalidRequest('token is required');
    const caller = ctx.oidc.client?.clientId ?? '';
    if (!(await accessToken(ctx, caller, token))) await refreshToken(ctx, caller, token);
    ctx.status = 200;
    ctx.body = '';
  });

  return router;

  async function accessToken(ctx: KoaContextWithOIDC, caller: string, token: string): Promise<boolean> {
    const claims = await verifyOwnToken(verify, issuer, token);
    if (!claims) return false;
    if (claims.client_id !== caller) throw notYours(ctx, caller, claims.grant_id);
    await revokeAccessToken(
      pool,
      claims,
      {
        event: 'token.revoked',
        outcome: 'success',
        tenant: claims.tenant,
        subject: claims.sub,
        client: caller,
        grant: claims.grant_id,
        resource: claims.aud,
        detail: { jti: claims.jti },
      },
      byClient(caller, originOf(ctx)),
    );
    return true;
  }

  async function refreshToken(ctx: KoaContextWithOIDC, caller: string, value: string): Promise<void> {
    const { presented } = await loadPresented(pool, caller, { kind: 'refresh_token', value }, documents);
    if (!presented) return;
    const { grant } = presented;
    if (grant.clientId !== caller) throw notYours(ctx, caller, grant.id);
    await revokeGrant(
      pool,
      grant.id,
      'revoked_by_client',
      entryFor('grant.revoked', grant, {}),
      byClient(caller, originOf(ctx)),
    );
  }

  function notYours(ctx: KoaContextWithOIDC, caller: string, grant: string): Error {
    noteRefusal(ctx, {
      event: 'revocation.rejected',
      outcome: 'refused',
      reason: 'client_mismatch',
      client: caller,
      grant,
    });
    return new errors.InvalidRequest('this token was not issued to you');
  }
}
