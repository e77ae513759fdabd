/** What kind of entity a subject or an actor is. */
export type EntityType = 'user' | 'service' | 'agent';

/** One link of the delegation chain (RFC 8693 §4.1). */
export interface Actor {
  readonly subject: string;
  readonly type: EntityType | undefined;
}

/** When and how the person behind the token signed in (RFC 9068 §2.2.1). */
export interface Authentication {
  /** Seconds since the epoch. */
  readonly time: number | undefined;
  readonly acr: string | undefined;
  readonly amr: readonly string[];
}

/** The key that a sender-constrained token is bound to. */
export interface Confirmation {
  /** JWK thumbprint of the DPoP key (RFC 9449 §6). */
  readonly jkt: string | undefined;
  /** SHA-256 thumbprint of the client certificate (RFC 8705 §3.1). */
  readonly x5t: string | undefined;
}

/** One entry of `authorization_details` (RFC 9396 §2). */
export interface AuthorizationDetail {
  readonly type: string;
  readonly [member: string]: unknown;
}

/**
 * An access token (RFC 9068) whose signature, issuer, audience and times were found good.
 *
 * Frozen and shared between requests. All times are seconds since the epoch. A tool decides with
 * `subject` (on whose behalf), `actors` (who acts, newest first; empty when the subject acts alone)
 * and `scopes` (what was allowed).
 */
export interface VerifiedToken {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly subjectType: EntityType | undefined;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly issuedAt: number;
  readonly notBefore: number | undefined;
  readonly expiresAt: number;
  /** `jti`. */
  readonly id: string;
  readonly actors: readonly Actor[];
  /** Undefined where no person was there: a service, or an agent on its own. */
  readonly authentication: Authentication | undefined;
  readonly tenant: string | undefined;
  readonly grantId: string | undefined;
  readonly clientTrust: string | undefined;
  readonly confirmation: Confirmation | undefined;
  readonly authorizationDetails: readonly AuthorizationDetail[];
  /** Every claim as it was signed, for what this type does not name. */
  readonly claims: Readonly<Record<string, unknown>>;
}
