import { createHash, timingSafeEqual } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import type { Lifetimes } from '../../../config/config.ts';
import {
  loadPresented,
  type PresentedCode,
  redeemCode,
  revokeGrant,
  spendCode,
} from '../../../domain/grants/index.ts';
import { newSecret } from '../../../kernel/ids.ts';
import { StoreUnavailable } from '../../../platform/database/index.ts';
import { presentedOf } from '../../authorization/adapter/client.ts';
import { markRecorded, noteRefusal } from '../../refusals/refusal.ts';
import { causeOf } from '../caller.ts';

import { isGrantedResource, narrow, timeLeft, whyDead } from './authority.ts';
import type { GrantDeps } from './deps.ts';
import { connectionEnded } from './invalid-grant.ts';
import { limitGrantRequests } from './request-limit.ts';
import { entryFor, mintTokens, respond } from './response.ts';

export const CODE_PARAMETERS = ['code', 'code_verifier', 'redirect_uri', 'resource'];

/** What the record of a refusal says of the request. */
const GRANT_TYPE = { grant_type: 'authorization_code' };

/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/**
 * The authorization code grant (RFC 6749 §4.1.3, with PKCE always).
 *
 * A code is spent by the first redemption that names it with a valid client authentication, right
 * or wrong; a second redemption ends what the first produced. What may be retried (a failed client
 * authentication, a failure of ours) spends nothing: everything is checked and signed before the
 * one statement that consumes.
 */
export function authorizationCodeGrant(deps: GrantDeps) {
  const { pool, lifetimes, documents, requestLimit } = deps;

  return async (ctx: KoaContextWithOIDC): Promise<void> => {
    if (typeof ctx.oidc.params?.['code'] !== 'string') throw new errors.InvalidRequest('code is required');
    const code = presentedOf(ctx);
    if (code?.kind !== 'authorization_code') throw refusedUnknown(ctx);
    if (code.used) throw await reused(ctx, code);

    const reason = whyNot(ctx, code, lifetimes);
    if (reason) throw await spentAndRefused(ctx, code, reason);

    const { grant } = code;
    const authority = narrow(ctx, grant);
    if (authority.scopes.length === 0) throw await spentAndRefused(ctx, code, 'no_scope_remains');

    const { tokens, jti } = await mintTokens(deps, grant, authority, code.nonce);
    const refresh = ctx.oidc.client?.grantTypes?.includes('refresh_token')
      ? { value: newSecret(), idleLifetime: timeLeft(grant, lifetimes).idle }
      : undefined;
    const audit = entryFor('token.issued', grant, { authority, jti });
    if (!(await redeemCode(pool, code, refresh, audit, causeOf(ctx, code.grant.clientId))))
      throw await lost(ctx, code);

    respond(ctx, tokens, refresh?.value);
  };

  function refusedUnknown(ctx: KoaContextWithOIDC): Error {
    noteRefusal(ctx, {
      event: 'token.rejected',
      outcome: 'refused',
      reason: 'unknown_code',
      client: ctx.oidc.client?.clientId,
      detail: GRANT_TYPE,
    });
    return new errors.InvalidGrant('authorization code not found');
  }

  /** Another redemption may have been faster, which makes this one a reuse, however wrong it is. */
  async function spentAndRefused(
    ctx: KoaContextWithOIDC,
    code: PresentedCode,
    reason: string,
  ): Promise<Error> {
    const audit = entryFor('token.rejected', code.grant, {
      outcome: 'refused',
      reason,
      client: ctx.oidc.client?.clientId,
      detail: GRANT_TYPE,
    });
    if (!(await spendCode(pool, code.hash, audit, causeOf(ctx, code.grant.clientId))))
      return reused(ctx, code);
    markRecorded(ctx);
    if (reason === 'resource_mismatch')
      return new errors.InvalidTarget('the code was issued for another resource');
    return reason === whyDead(code.grant, lifetimes)
      ? connectionEnded(reason)
      : new errors.InvalidGrant(reason);
  }

  /** RFC 6749 §4.1.2: what the first redemption produced is revoked. */
  async function reused(ctx: KoaContextWithOIDC, code: PresentedCode): Promise<Error> {
    const { grant } = code;
    const ended = await revokeGrant(
      pool,
      grant.id,
      'code_reused',
      entryFor('code.reused', grant, {
        outcome: 'refused',
        detail: { presented_by: ctx.oidc.client?.clientId },
      }),
      causeOf(ctx, grant.clientId),
    );
    if (ended) markRecorded(ctx);
    else {
      await limitGrantRequests(requestLimit, ctx, grant);
      noteRefusal(ctx, entryFor('code.reused', grant, { outcome: 'refused', reason: 'grant_ended' }));
    }
    return new errors.InvalidGrant('authorization code already used');
  }

  /** Another request was faster, and redeemed the code, which makes this one a reuse, or ended the grant; or the store was too slow. */
  async function lost(ctx: KoaContextWithOIDC, code: PresentedCode): Promise<Error> {
    const value = String(ctx.oidc.params?.['code']);
    const { presented } = await loadPresented(
      pool,
      code.clientId,
      { kind: 'authorization_code', value },
      documents,
    );
    if (presented?.kind !== 'authorization_code') return spentAndRefused(ctx, code, 'expired');
    if (presented.used) return reused(ctx, presented);
    const reason = presented.expired ? 'expired' : whyDead(presented.grant, lifetimes);
    return reason
      ? spentAndRefused(ctx, code, reason)
      : new StoreUnavailable('the store came to the redemption too late');
  }
}

/** The first reason, if any, to refuse this redemption. The order does not matter: outside they are one answer. */
function whyNot(ctx: KoaContextWithOIDC, code: PresentedCode, lifetimes: Lifetimes): string | undefined {
  const { params, client } = ctx.oidc;
  if (code.clientId !== client?.clientId) return 'client_mismatch';
  if (code.expired) return 'expired';
  const dead = whyDead(code.grant, lifetimes);
  if (dead) return dead;
  const redirectUri = params?.['redirect_uri'];
  // OAuth 2.1 drops the parameter, since PKCE binds the code; where it is sent it must be the same.
  if (redirectUri !== undefined && redirectUri !== code.redirectUri) return 'redirect_mismatch';
  if (!provesPossession(params?.['code_verifier'], code.codeChallenge)) return 'pkce_mismatch';
  if (!isGrantedResource(ctx, code.grant)) return 'resource_mismatch';
  return undefined;
}

/** RFC 7636 §4.6, S256. */
function provesPossession(verifier: unknown, challenge: string): boolean {
  if (typeof verifier !== 'string' || !VERIFIER.test(verifier)) return false;
  const computed = createHash('sha256').update(verifier).digest();
  const expected = Buffer.from(challenge, 'base64url');
  return computed.length === expected.length && timingSafeEqual(computed, expected);
}
