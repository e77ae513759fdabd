import { newUnique } from '../../kernel/ids.ts';
import type { GrantFacts } from '../grants/index.ts';

/** The claims of a delegated access token (RFC 9068 §2.2); times are NumericDate. */
export interface AccessTokenClaims {
  readonly iss: string;
  /** Always the user; who acts stands in `client_id` and `act`. */
  readonly sub: string;
  readonly sub_type: 'user';
  /** One resource identifier, exactly as registered. */
  readonly aud: string;
  readonly client_id: string;
  readonly client_trust: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly scope: string;
  readonly auth_time: number;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly tenant: string;
  readonly grant_id: string;
}

/** `typ` of an access token (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** The claims of a new access token of a grant, for the scopes that remain of it now. `now` and `lifetime` are in seconds. */
export function accessTokenClaims(
  { issuer, now, lifetime }: { readonly issuer: string; readonly now: number; readonly lifetime: number },
  grant: GrantFacts,
  scopes: readonly string[],
): AccessTokenClaims {
  return {
    iss: issuer,
    sub: grant.userId,
    sub_type: 'user',
    aud: grant.resource,
    client_id: grant.clientId,
    client_trust: grant.clientTrust,
    iat: now,
    exp: Math.min(now + lifetime, Math.floor(grant.expiresAt.getTime() / 1000)),
    jti: newUnique(),
    scope: scopes.join(' '),
    auth_time: Math.floor(grant.authTime.getTime() / 1000),
    acr: grant.acr,
    amr: grant.amr,
    tenant: grant.tenantId,
    grant_id: grant.id,
  };
}

/** The claims of an ID token (OpenID Connect Core §2), for clients that asked for `openid`. */
export function idTokenClaims(
  { issuer, now, lifetime }: { readonly issuer: string; readonly now: number; readonly lifetime: number },
  grant: GrantFacts,
  nonce: string | undefined,
): Record<string, unknown> {
  return {
    iss: issuer,
    sub: grant.userId,
    aud: grant.clientId,
    iat: now,
    exp: now + lifetime,
    auth_time: Math.floor(grant.authTime.getTime() / 1000),
    acr: grant.acr,
    amr: grant.amr,
    ...(nonce === undefined ? {} : { nonce }),
  };
}
