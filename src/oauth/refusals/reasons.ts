/** An error of the library; `error_detail` is for us and never leaves. */
export interface ProviderError extends Error {
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
  readonly error_detail?: string | undefined;
}

/** What our own hooks say exactly in `error_detail`: the words of the record, no sentence. */
const EXACT = /^[a-z]+(?:_[a-z]+)*$/;

/** The first that fits `error`, its description and its detail names the reason. */
const REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/client not found$/, 'unknown_client'],
  [/client is blocked$/, 'client_blocked'],
  [/client was removed$/, 'client_removed'],
  [/metadata document/, 'client_document'],
  [/authentication mechanism does not match/, 'method'],
  [/only be provided using one mechanism|client_id mismatch/, 'two_methods'],
  [/^invalid_client .*invalid secret/, 'wrong_secret'],
  [/^invalid_client .*\balg mismatch/, 'assertion_algorithm'],
  [/^invalid_client .*\b(?:expiration must be|exp value|jwt expired)/, 'assertion_expired'],
  [/^invalid_client .*\b(?:not active yet|[ni]bf value|iat value)/, 'assertion_not_yet_valid'],
  [/^invalid_client .*\bjti\b/, 'assertion_id'],
  [/^invalid_client .*\biss\b/, 'assertion_issuer'],
  [/^invalid_client .*\baud\b/, 'assertion_audience'],
  [/^invalid_client .*no applicable key/, 'assertion_key'],
  [/^invalid_client .*signature verification failed/, 'assertion_signature'],
  [/client_assertion|\bJWT\b|\bJWS\b/, 'assertion_malformed'],
  [/provided twice/, 'duplicate_param'],
  [/missing required parameter/, 'missing_param'],
  [/code_challenge must be provided|requires PKCE/, 'pkce_missing'],
  [/code_challenge_method/, 'pkce_plain'],
  [/code_challenge/, 'pkce_malformed'],
  [/^invalid_redirect_uri/, 'redirect_uri'],
  [/^unsupported_response_type/, 'response_type'],
  [/^unsupported_response_mode/, 'response_mode'],
  [/^request_not_supported/, 'request'],
  [/^request_uri_not_supported/, 'request_uri'],
  [/^registration_not_supported/, 'registration'],
  [/^invalid_request .*\bprompt\b/, 'prompt'],
  [/^invalid_request .*\bmax_age\b/, 'max_age'],
  [/^invalid_scope .*invalid characters/, 'scope_malformed'],
  [/^invalid_target resource indicator must/, 'resource_unknown'],
  [/^login_required/, 'login_required'],
  [/^consent_required/, 'consent_required'],
];

/** The record's words for the refusals that people search for; for others the code and what the library says of it. */
export function reasonOf({
  name,
  error = '',
  error_description: description = '',
  error_detail: detail = '',
}: ProviderError): string {
  if (name === 'SessionNotFound') return 'interaction_ended';
  if (EXACT.test(detail)) return detail;
  const said = [error, description, detail].join(' ').trimEnd();
  const known = REASONS.find(([pattern]) => pattern.test(said));
  return known ? known[1] : [error, detail || description].filter(Boolean).join(': ');
}
