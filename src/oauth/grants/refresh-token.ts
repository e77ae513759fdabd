import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import {
  loadPresented,
  type PresentedRefreshToken,
  replayRefreshToken,
  revokeGrant,
  rotateRefreshToken,
  successorOf,
} from '../../domain/grants/index.ts';
import { originOf } from '../../platform/http/index.ts';
import { presentedOf } from '../adapter/client.ts';
import { markRecorded, noteRefusal } from '../refusal.ts';

import { isGrantedResource, narrow, timeLeft, whyDead } from './authority.ts';
import type { GrantDeps } from './deps.ts';
import { entryFor, mintTokens, respond } from './response.ts';

export const REFRESH_PARAMETERS = ['refresh_token', 'scope', 'resource'];

/**
 * The refresh token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
 *
 * It replaces the library's, which consumes the token before it has checked resource and scope, and
 * checks and consumes in separate steps. Here validation comes first and consumption is one atomic
 * statement. A token that was used may have its successor repeated, the same one, for a short while
 * and only until that successor is used: a lost response heals, a theft does not go unseen.
 */
export function refreshTokenGrant(deps: GrantDeps) {
  const { pool, lifetimes, derivation, documents } = deps;

  return async (ctx: KoaContextWithOIDC): Promise<void> => {
    const value = ctx.oidc.params?.['refresh_token'];
    if (typeof value !== 'string') throw new errors.InvalidRequest('refresh_token is required');
    const token = presentedOf(ctx);
    if (token?.kind !== 'refresh_token') throw refused(ctx, 'unknown_refresh_token');

    await exchange(ctx, value, token, 0);
  };

  async function exchange(
    ctx: KoaContextWithOIDC,
    value: string,
    token: PresentedRefreshToken,
    attempt: number,
  ): Promise<void> {
    const { grant } = token;
    if (token.clientId !== ctx.oidc.client?.clientId) throw await inForeignHands(ctx, token);
    // A used token expires no more: its repetition is judged by the grace, and beyond it is a reuse.
    const unused = token.usedSecondsAgo === undefined;
    const dead = whyDead(grant, lifetimes) ?? (unused && token.expired ? 'expired' : undefined);
    if (dead) throw refused(ctx, dead, token);
    if (!isGrantedResource(ctx, grant)) throw wrongTarget(ctx, token);

    const authority = narrow(ctx, grant);
    if (authority.scopes.length === 0) throw refused(ctx, 'no_scope_remains', token);
    const { tokens, jti } = await mintTokens(deps, grant, authority, undefined);

    if (!unused) {
      const repeated = await repeat(
        ctx,
        value,
        token,
        entryFor('refresh.replayed', grant, { authority, jti }),
      );
      respond(ctx, tokens, repeated);
      return;
    }

    const secret = await derivation.current();
    const successor = successorOf(value, token.generation, secret);
    const rotated = await rotateRefreshToken(
      pool,
      token,
      { value: successor, secretVersion: secret.version, idleLifetime: timeLeft(grant, lifetimes).idle },
      entryFor('refresh.rotated', grant, { authority, jti }),
      originOf(ctx),
    );
    if (rotated) {
      respond(ctx, tokens, successor);
      return;
    }
    // Another request was faster. What it did decides: repeat its successor, or find the grant ended.
    const now = await loadPresented(pool, token.clientId, { kind: 'refresh_token', value }, documents);
    if (now.presented?.kind !== 'refresh_token' || attempt > 1) throw refused(ctx, 'superseded', token);
    await exchange(ctx, value, now.presented, attempt + 1);
  }

  /** The same successor again (RFC 9700 §4.14.2 asks for reuse to be detected; grace reaches back one step only). */
  async function repeat(
    ctx: KoaContextWithOIDC,
    value: string,
    token: PresentedRefreshToken,
    audit: Parameters<typeof replayRefreshToken>[3],
  ): Promise<string> {
    const within = (token.usedSecondsAgo ?? Number.POSITIVE_INFINITY) <= lifetimes.refreshGrace;
    const secret = await derivation.byVersion(token.secretVersion);
    if (!within || token.successorUsed || !secret) throw await reused(ctx, token);
    if (!(await replayRefreshToken(pool, token, lifetimes.refreshGrace, audit, originOf(ctx)))) {
      throw await reused(ctx, token);
    }
    return successorOf(value, token.generation, secret);
  }

  async function reused(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Promise<Error> {
    return endAndRefuse(ctx, token, 'refresh_reused');
  }

  async function inForeignHands(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Promise<Error> {
    return endAndRefuse(ctx, token, 'token_in_foreign_hands');
  }

  async function endAndRefuse(
    ctx: KoaContextWithOIDC,
    token: PresentedRefreshToken,
    reason: 'refresh_reused' | 'token_in_foreign_hands',
  ): Promise<Error> {
    const { grant } = token;
    const ended = await revokeGrant(
      pool,
      grant.id,
      reason,
      entryFor('refresh.reused', grant, {
        outcome: 'refused',
        detail: { generation: token.generation, presented_by: ctx.oidc.client?.clientId },
      }),
      originOf(ctx),
    );
    if (!ended) return refused(ctx, 'grant_ended', token);
    markRecorded(ctx);
    return new errors.InvalidGrant(reason);
  }

  function wrongTarget(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Error {
    refused(ctx, 'resource_mismatch', token);
    return new errors.InvalidTarget('the refresh token was issued for another resource');
  }

  function refused(ctx: KoaContextWithOIDC, reason: string, token?: PresentedRefreshToken): Error {
    const entry = { outcome: 'refused', reason, client: ctx.oidc.client?.clientId } as const;
    noteRefusal(
      ctx,
      token ? entryFor('refresh.rejected', token.grant, entry) : { event: 'refresh.rejected', ...entry },
    );
    return new errors.InvalidGrant(reason);
  }
}
