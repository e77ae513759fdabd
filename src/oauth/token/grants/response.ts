import type { KoaContextWithOIDC } from 'oidc-provider';

import type { AuditEntry, AuditEvent } from '../../../domain/audit/index.ts';
import type { EffectiveAuthority } from '../../../domain/authority/index.ts';
import type { GrantFacts } from '../../../domain/grants/index.ts';
import { ACCESS_TOKEN_TYPE, accessTokenClaims, idTokenClaims } from '../../../domain/tokens/index.ts';
import { epochSeconds } from '../../../kernel/clock.ts';

import { type NarrowedAuthority, timeLeft } from './authority.ts';
import type { GrantDeps } from './deps.ts';

/** A token response (RFC 6749 §5.1) before its refresh token is known. */
export interface MintedTokens {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
  readonly id_token?: string;
}

/**
 * Signs the tokens of a response, before anything is consumed: a failure here spends nothing.
 * Answers them with the identifiers that the audit record needs.
 *
 * They are issued at the database's time: a node whose clock is wrong makes no token that lives
 * longer, or is refused for being from the future.
 */
export async function mintTokens(
  { issuer, lifetimes, sign }: GrantDeps,
  grant: GrantFacts,
  authority: NarrowedAuthority,
  nonce: string | undefined,
): Promise<{ readonly tokens: MintedTokens; readonly jti: string }> {
  const lifetime = Math.min(lifetimes.accessToken, timeLeft(grant, lifetimes).absolute);
  const time = { issuer, now: epochSeconds(grant.asOf), lifetime };
  const claims = accessTokenClaims(time, grant, authority.scopes);
  const { openid } = authority;
  const [accessToken, idToken] = await Promise.all([
    sign(claims, { typ: ACCESS_TOKEN_TYPE }),
    openid ? sign(idTokenClaims(time, grant, nonce), { typ: 'JWT' }) : undefined,
  ]);
  return {
    jti: claims.jti,
    tokens: {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: claims.exp - claims.iat,
      scope: [...authority.scopes, ...(openid ? ['openid'] : [])].join(' '),
      ...(idToken === undefined ? {} : { id_token: idToken }),
    },
  };
}

/** Answers with the tokens. RFC 6749 §5.1: `no-store` is set by the library for this endpoint. */
export function respond(
  ctx: KoaContextWithOIDC,
  tokens: MintedTokens,
  refreshToken: string | undefined,
): void {
  ctx.body = { ...tokens, ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }) };
}

/** What the trail keeps of anything that happens to a grant at the token endpoint. */
export function entryFor(
  event: AuditEvent,
  grant: GrantFacts,
  more: Partial<AuditEntry> & {
    readonly authority?: EffectiveAuthority;
    readonly jti?: string;
    /** Further members of the detail. */
    readonly about?: Readonly<Record<string, unknown>>;
  },
): AuditEntry {
  const { authority, jti, about, ...rest } = more;
  const detail = {
    ...(jti ? { jti } : {}),
    ...about,
    ...(authority && authority.dropped.length > 0 ? { scopes_dropped: authority.dropped } : {}),
  };
  return {
    event,
    outcome: 'success',
    tenant: grant.tenantId,
    subject: grant.userId,
    client: grant.clientId,
    grant: grant.id,
    resource: grant.resource,
    scopes: authority?.scopes,
    ...(Object.keys(detail).length > 0 ? { detail } : {}),
    ...rest,
  };
}
