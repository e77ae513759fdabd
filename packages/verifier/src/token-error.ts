/** Why a token was not accepted. Closed: a door that maps it exhaustively stops compiling when it grows. */
export type TokenErrorCode =
  | 'malformed'
  | 'typ'
  | 'algorithm'
  | 'key_unknown'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not_yet_valid'
  | 'claims'
  | 'confirmation'
  | 'jwks_unavailable';

/**
 * The one error of this package: the token is not accepted, or (`jwks_unavailable`) nobody can tell.
 *
 * `code` is stable and for programs; `message` is for logs and never holds any part of the token.
 */
export class TokenError extends Error {
  readonly code: TokenErrorCode;

  constructor(code: TokenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TokenError';
    this.code = code;
  }
}

/** What the bearer of a refused token is told (RFC 6750 §3 `error_description`). */
const sentences: Readonly<Record<TokenErrorCode, string>> = {
  malformed: 'The access token is malformed',
  typ: 'The token presented is not an access token',
  algorithm: 'The access token is signed with an algorithm that is not accepted',
  key_unknown: 'The access token is signed with an unknown key',
  signature: 'The signature of the access token does not verify',
  issuer: 'The access token was issued by another authorization server',
  audience: 'The access token was issued for another resource',
  expired: 'The access token expired',
  not_yet_valid: 'The access token is not valid yet',
  claims: 'The access token lacks claims or carries unusable ones',
  confirmation: 'The access token is bound to a key and was presented without proof of it',
  jwks_unavailable: 'The keys of the authorization server cannot be had at the moment',
};

/** The sentence for a challenge that refuses a token for this reason. */
export function describe(code: TokenErrorCode): string {
  return sentences[code];
}
