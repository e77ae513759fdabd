import { requireScopes, type ScopeHierarchy } from './scopes.ts';
import type { VerifiedToken } from './token.ts';
import { describe, TokenError } from './token-error.ts';
import type { Verifier } from './verifier.ts';

/** The `AuthInfo` of both official SDKs. */
export interface AuthInfo {
  token: string;
  clientId: string;
  scopes: string[];
  /** Seconds since the epoch. */
  expiresAt: number;
  resource: URL;
  extra: Record<string, unknown>;
}

/** The `OAuthTokenVerifier` of both official SDKs. */
export interface TokenVerifier {
  verifyAccessToken(token: string): Promise<AuthInfo>;
}

/** Makes the error by which an SDK knows that the token is to blame. */
export type InvalidToken = (message: string) => Error;

/**
 * The verifier in the shape of the official SDKs, for their `requireBearerAuth`.
 *
 * Both tell a refused token from a fault by the class of the error, so the class must come from the
 * SDK that is used:
 *
 *     tokenVerifier(verifier, (message) => new InvalidTokenError(message))                     // sdk 1.x
 *     tokenVerifier(verifier, (message) => new OAuthError(OAuthErrorCode.InvalidToken, message)) // server 2.x
 *
 * Any other failure is thrown as it is, and both answer it with 500, never with 401.
 */
export function tokenVerifier(verifier: Verifier, invalidToken: InvalidToken): TokenVerifier {
  return {
    async verifyAccessToken(token) {
      try {
        return authInfo(token, await verifier.verify(token));
      } catch (error) {
        if (!(error instanceof TokenError) || error.code === 'jwks_unavailable') throw error;
        throw invalidToken(describe(error.code));
      }
    },
  };
}

/** A verified token as the SDKs hand it to tools; `verifiedToken` gets it back. */
export function authInfo(accessToken: string, token: VerifiedToken): AuthInfo {
  return {
    token: accessToken,
    clientId: token.clientId,
    scopes: [...token.scopes],
    expiresAt: token.expiresAt,
    resource: new URL(token.audience),
    extra: { verified: token },
  };
}

/** As much of an `AuthInfo` as carries the verified token. */
interface Carrier {
  readonly extra?: Readonly<Record<string, unknown>>;
}

/**
 * The verified token behind an `AuthInfo`, for a tool that must know on whose behalf it is called.
 *
 * Throws when the request came past the verifier: a tool that relies on it must not run then.
 */
export function verifiedToken(info: Carrier | undefined): VerifiedToken {
  const verified = info?.extra?.['verified'];
  if (typeof verified !== 'object' || verified === null) {
    throw new Error('the request did not pass the verifier');
  }
  return verified as VerifiedToken;
}

/**
 * The `scopeChallenge` of a tool, resource or prompt of the server SDK 2.x, where there is no catalogue.
 *
 * Unlike the SDK's own, it challenges with the union of the scopes, knows the hierarchy, and never
 * lets a request pass that has not been through the verifier.
 */
export function scopeChallenge(needed: readonly string[], hierarchy?: ScopeHierarchy) {
  return ({ authInfo: info }: { readonly authInfo?: Carrier }) => {
    const decision = requireScopes(verifiedToken(info), needed, hierarchy);
    if (decision.allowed) return undefined;
    const [first, ...rest] = decision.challenge;
    if (first === undefined) throw new TypeError('offline_access is not a scope of a resource');
    const scopes: [string, ...string[]] = [first, ...rest];
    return { scopes, errorDescription: `This takes the scope ${decision.missing.join(' ')}` };
  };
}
