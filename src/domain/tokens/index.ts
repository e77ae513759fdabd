/**
 * Tokens: what an access token and an ID token say, and whether one that was handed out still counts.
 *
 * Access tokens are JWTs (RFC 9068), verified offline by MCP servers and stored nowhere. Whether
 * one is still backed is asked of its grant; one revoked by itself is remembered until it expires.
 *
 * Does not own: refresh tokens and codes (`domain/grants`) or the keys (`domain/keys`).
 */

export {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  accessTokenClaims,
  idTokenClaims,
} from './access-token.ts';
export { type Backing, findBacking, revokeAccessToken } from './revocation.ts';
export { describeRevocationDelay, VERIFIER_TOLERANCE_SECONDS } from './revocation-delay.ts';
