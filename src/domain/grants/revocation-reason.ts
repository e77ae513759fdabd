/** Why a grant ended; also the `reason` of its audit record. */
export type RevocationReason =
  | 'ended_by_user'
  | 'ended_by_administrator'
  | 'revoked_by_client'
  | 'code_reused'
  | 'refresh_reused'
  | 'token_in_foreign_hands'
  | 'derivation_compromised'
  | 'user_disabled'
  | 'user_reset'
  | 'user_removed'
  | 'client_removed'
  | 'superseded';
