import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import {
  type DerivationSecret,
  deriveLeaf,
  loadPresented,
  MAX_REPETITIONS,
  type PresentedRefreshToken,
  repeatRefreshToken,
  revokeGrant,
  rotateRefreshToken,
  successorOf,
  suspectReplay,
} from '../../../domain/grants/index.ts';
import type { Cause } from '../../../kernel/cause.ts';
import { networkKey } from '../../../kernel/network.ts';
import { StoreUnavailable } from '../../../platform/database/index.ts';
import { presentedOf } from '../../authorization/adapter/client.ts';
import { markRecorded, noteRefusal } from '../../refusals/refusal.ts';
import { causeOf } from '../caller.ts';

import { isGrantedResource, type NarrowedAuthority, narrow, timeLeft, whyDead } from './authority.ts';
import type { GrantDeps } from './deps.ts';
import { connectionEnded } from './invalid-grant.ts';
import { limitGrantRequests, tooManyRequests } from './request-limit.ts';
import { entryFor, mintTokens, respond } from './response.ts';

export const REFRESH_PARAMETERS = ['refresh_token', 'scope', 'resource'];

/** Times that a request looks again after others rotated its family meanwhile. */
const MAX_ATTEMPTS = 6;
/** Seconds after which a client whose token was repeated too often may ask with a newer one. */
const REPETITION_RETRY_SECONDS = 1;

/**
 * The refresh token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
 *
 * It replaces the library's, which consumes the token before it has checked resource and scope, and
 * checks and consumes in separate steps. Here validation comes first and consumption is one atomic
 * statement. For a grace period after its own first use a token is answered again, with the newest token of its
 * family, so that a lost response heals and clients that share a token store do not end their own grant; after
 * it, a repetition is reuse and ends the grant. What is validated before says nothing about use.
 */
export function refreshTokenGrant(deps: GrantDeps) {
  const { pool, lifetimes, derivation, documents, requestLimit } = deps;

  return async (ctx: KoaContextWithOIDC): Promise<void> => {
    const value = ctx.oidc.params?.['refresh_token'];
    if (typeof value !== 'string') throw new errors.InvalidRequest('refresh_token is required');
    let token = presentedOf(ctx);
    if (token?.kind !== 'refresh_token') throw unknown(ctx);
    if (token.clientId !== ctx.oidc.client?.clientId) throw await presentedByAnother(ctx, token);
    await limitGrantRequests(requestLimit, ctx, token.grant);

    let secret: DerivationSecret | undefined;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const authority = authorize(ctx, token);
      await assertUsable(ctx, token);
      const { tokens, jti } = await mintTokens(deps, token.grant, authority, undefined);
      const exchange = { ctx, value, token, authority, jti };
      const answered =
        token.usedSecondsAgo === undefined
          ? await rotate(exchange, secret ?? (await derivation.current()))
          : await repeat(exchange);
      if (answered !== undefined) return respond(ctx, tokens, answered);
      // Another request was faster, the user narrowed the grant, or the secret was dropped. What is in the store now decides.
      const { presented } = await loadPresented(
        pool,
        token.clientId,
        { kind: 'refresh_token', value },
        documents,
      );
      if (presented?.kind !== 'refresh_token') throw unknown(ctx);
      token = presented;
      if (token.usedSecondsAgo === undefined) secret = await derivation.reload();
    }
    throw new StoreUnavailable('the refresh token family was rotated by others at each attempt');
  };

  /** Checks grant, resource and scope, alike for a token that was used and one that was not. */
  function authorize(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): NarrowedAuthority {
    const { grant } = token;
    const dead = whyDead(grant, lifetimes);
    if (dead) throw ended(ctx, dead, token);
    if (!isGrantedResource(ctx, grant)) throw wrongTarget(ctx, token);
    const authority = narrow(ctx, grant);
    if (authority.scopes.length === 0) {
      noteRejection(ctx, 'no_scope_remains', token);
      throw new errors.InvalidGrant('no_scope_remains');
    }
    return authority;
  }

  /** Refuses a token that expired, whose secret was dropped, or that was used too long ago or too often. */
  async function assertUsable(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Promise<void> {
    const { usedSecondsAgo, grant } = token;
    if (token.derivationDropped) throw await underDroppedSecret(ctx, token);
    if (usedSecondsAgo === undefined) {
      if (token.expired) throw ended(ctx, 'expired', token);
      return;
    }
    if (usedSecondsAgo > lifetimes.refreshGrace) throw await reused(ctx, token);
    if (token.leafOutOfReach) {
      noteRejection(ctx, 'leaf_out_of_reach', token);
      throw new errors.InvalidGrant('leaf_out_of_reach');
    }
    if (token.repetitions >= MAX_REPETITIONS) {
      const retryAfter = REPETITION_RETRY_SECONDS;
      throw await tooManyRequests(requestLimit, ctx, grant, { reason: 'refresh_repetitions', retryAfter });
    }
  }

  interface Exchange {
    readonly ctx: KoaContextWithOIDC;
    readonly value: string;
    readonly token: PresentedRefreshToken;
    readonly authority: NarrowedAuthority;
    readonly jti: string;
  }

  /** Consumes the token. Returns its successor, or undefined when it was not consumed. */
  async function rotate(
    { ctx, value, token, authority, jti }: Exchange,
    secret: DerivationSecret,
  ): Promise<string | undefined> {
    const { grant } = token;
    const successor = successorOf(value, token.generation, secret);
    const rotated = await rotateRefreshToken(
      pool,
      token,
      { value: successor, secretVersion: secret.version, idleLifetime: timeLeft(grant, lifetimes).idle },
      authority.scopes,
      entryFor('refresh.rotated', grant, { authority, jti }),
      causeOf(ctx, grant.clientId),
    );
    return rotated ? successor : undefined;
  }

  /** Returns the leaf of the family for a used token, or undefined when the store did not allow it. */
  async function repeat({ ctx, value, token, authority, jti }: Exchange): Promise<string | undefined> {
    const { grant, generation, usedFrom } = token;
    const cause = causeOf(ctx, grant.clientId);
    const about = { generation, ...(usedFrom === undefined ? {} : { rotated_from: usedFrom }) };
    const replayed = entryFor('refresh.replayed', grant, { authority, jti, about });
    const elsewhere = isFromElsewhere(usedFrom, cause);
    const grace = lifetimes.refreshGrace;
    const { scopes } = authority;
    const path = await repeatRefreshToken(pool, token, { grace, elsewhere, scopes }, replayed, cause);
    if (!path) return undefined;
    if (elsewhere) {
      const suspicion = entryFor('refresh.replay_suspected', grant, { about });
      await suspectReplay(pool, { grantId: grant.id, generation }, suspicion, cause);
    }
    return deriveLeaf({ value, generation }, path, derivation.byVersion);
  }

  async function reused(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Promise<Error> {
    await endGrant(ctx, token, 'refresh_reused');
    return connectionEnded('refresh_reused');
  }

  /** To another client the answer is that for an unknown token. */
  async function presentedByAnother(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Promise<Error> {
    await endGrant(ctx, token, 'token_in_foreign_hands');
    return new errors.InvalidGrant('token_in_foreign_hands');
  }

  async function endGrant(
    ctx: KoaContextWithOIDC,
    token: PresentedRefreshToken,
    reason: 'refresh_reused' | 'token_in_foreign_hands',
  ): Promise<void> {
    const { grant, generation, usedFrom } = token;
    const detail = {
      generation,
      presented_by: ctx.oidc.client?.clientId,
      ...(usedFrom === undefined ? {} : { rotated_from: usedFrom }),
    };
    const entry = entryFor('refresh.reused', grant, { outcome: 'refused', detail });
    if (await revokeGrant(pool, grant.id, reason, entry, causeOf(ctx, grant.clientId)))
      return markRecorded(ctx);
    await limitGrantRequests(requestLimit, ctx, grant);
    noteRejection(ctx, 'grant_ended', token);
    return undefined;
  }

  /** Ends a family whose secret was dropped. A repetition that is honest looks the same, so it is no reuse. */
  async function underDroppedSecret(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Promise<Error> {
    const { grant } = token;
    const reason = 'derivation_compromised';
    await revokeGrant(
      pool,
      grant.id,
      reason,
      entryFor('grant.revoked', grant, {}),
      causeOf(ctx, grant.clientId),
    );
    return ended(ctx, reason, token);
  }

  function wrongTarget(ctx: KoaContextWithOIDC, token: PresentedRefreshToken): Error {
    noteRejection(ctx, 'resource_mismatch', token);
    return new errors.InvalidTarget('the refresh token was issued for another resource');
  }

  function ended(ctx: KoaContextWithOIDC, reason: string, token: PresentedRefreshToken): Error {
    noteRejection(ctx, reason, token);
    return connectionEnded(reason);
  }

  function unknown(ctx: KoaContextWithOIDC): Error {
    noteRejection(ctx, 'unknown_refresh_token');
    return new errors.InvalidGrant('unknown_refresh_token');
  }

  function noteRejection(ctx: KoaContextWithOIDC, reason: string, token?: PresentedRefreshToken): void {
    const entry = { outcome: 'refused', reason, client: ctx.oidc.client?.clientId } as const;
    noteRefusal(
      ctx,
      token ? entryFor('refresh.rejected', token.grant, entry) : { event: 'refresh.rejected', ...entry },
    );
  }
}

/** Returns whether a request comes from another network than the one that the token was used from. */
function isFromElsewhere(usedFrom: string | undefined, { network }: Cause): boolean {
  return usedFrom !== undefined && network !== undefined && networkKey(usedFrom) !== networkKey(network);
}
