/**
 * Why something was refused, as far as it is a label. The audit record is exact and may repeat what
 * the library says of a request; here every word is known beforehand, so that nobody outside can
 * make a new one, and the rest is `other`.
 */
export const REASONS: ReadonlySet<string> = new Set([
  // The parties
  'unknown_client',
  'client_blocked',
  'client_removed',
  'client_inactive',
  'client_mismatch',
  'client_document',
  'client_document_url',
  'subject_inactive',
  'party_inactive',
  'user_disabled',
  // The request
  'body_malformed',
  'duplicate_param',
  'missing_param',
  'pkce_missing',
  'pkce_plain',
  'pkce_malformed',
  'nonce',
  'max_age',
  'prompt',
  'request',
  'request_uri',
  'registration',
  'response_type',
  'response_mode',
  'redirect_uri',
  'scope_malformed',
  'resource_missing',
  'resource_ambiguous',
  'resource_unknown',
  'resource_inactive',
  // The person
  'login_required',
  'consent_required',
  'interaction_ended',
  'denied_by_user',
  'nothing_selected',
  'scope_not_offered',
  'not_offered_by_resource',
  'not_permitted_by_role',
  'above_client_trust',
  'not_consented',
  'form_token',
  'form_origin',
  'form_fetch_site',
  // Codes and tokens
  'unknown_code',
  'code_reused',
  'expired',
  'redirect_mismatch',
  'pkce_mismatch',
  'resource_mismatch',
  'no_scope_remains',
  'unknown_refresh_token',
  'refresh_reused',
  'token_in_foreign_hands',
  'superseded',
  'grant_ended',
  'absolute_expiry',
  'not_entitled',
  // Signing in
  'unknown_user',
  'password_not_proven',
  'wrong_code',
  'code_replayed',
  'second_factor_missing',
  'challenge_unknown',
  'malformed_response',
  'unknown_passkey',
  'foreign_user_handle',
  'verification_failed',
  'counter_regressed',
  'administrator_exists',
  'link_unknown',
  // Throttles
  'account_and_network',
  'account',
  'network',
  'steps',
  'hashing_busy',
  'token',
  // Registration
  'initial_access_token',
  'redirect_malformed',
  'redirect_missing',
  'redirect_scheme',
  'redirect_http',
  'redirect_fragment',
  'redirect_wildcard',
  'redirect_userinfo',
  'redirect_dot_segment',
  'redirect_ambiguous',
  // What the library refuses without a word of ours: the error codes of RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2
  // and RFC 8707 §2
  'access_denied',
  'invalid_client',
  'invalid_client_metadata',
  'invalid_grant',
  'invalid_redirect_uri',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
]);

/** The label of a record's reason. One that goes on with a sentence is known by what stands before it. */
export function reasonLabel(reason: string | null): string {
  if (reason === null) return 'none';
  const word = reason.split(':', 1)[0] ?? '';
  return REASONS.has(word) ? word : 'other';
}
