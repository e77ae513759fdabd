/** Every grant type of the token endpoint. Metadata, validation of clients, metrics and audit are made from this list. */
export const GRANT_TYPES = ['authorization_code', 'refresh_token'] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

/**
 * The grant types by which a user delegates. A client that registered itself or has a metadata document can have these
 * at most; a pre-registered one has them unless it was given others. A type that is added above is no client's by itself.
 */
export const DELEGATED_GRANT_TYPES: readonly GrantType[] = ['authorization_code', 'refresh_token'];
