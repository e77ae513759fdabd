/**
 * Verifies the access tokens of a Gatehouse authorization server, offline, in an MCP server.
 *
 *     request ──guard──▶ well-known documents, preflights, refusals with a challenge
 *                └─────▶ verify(token) ──▶ VerifiedToken ──▶ scopes of the tools that are called ──▶ server
 *
 * `createVerifier` answers the one question, whether a token is good here and now. The entry points
 * `/koa`, `/express` and `/fetch` put a whole guard before a server, `/mcp` fits the verifier into the
 * official SDKs, and the pieces below serve whoever builds another guard.
 *
 * A refusal is a `TokenError`. When the keys cannot be had, nothing is accepted and nothing is said
 * about the token: `jwks_unavailable`, HTTP 503.
 *
 * Does not own: asking the authorization server about a token (introspection), or following
 * revocations before a token expires.
 */

export type { AuthorizationServerMetadata } from './authorization-server.ts';
export { type Challenge, type ChallengeError, challenge } from './challenge.ts';
export { type Credentials, readCredentials } from './credentials.ts';
export type { Fetch } from './fetch-json.ts';
export type { GuardOptions } from './guard.ts';
export type { Algorithm } from './key-set.ts';
export {
  type ProtectedResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
  type ResourceDescription,
} from './protected-resource.ts';
export { requireScopes, type ScopeDecision, type ScopeHierarchy } from './scopes.ts';
export type {
  Actor,
  Authentication,
  AuthorizationDetail,
  Confirmation,
  EntityType,
  VerifiedToken,
} from './token.ts';
export { describe, TokenError, type TokenErrorCode } from './token-error.ts';
export { type CatalogueTool, filterTools } from './tools.ts';
export { createVerifier, type Proof, type Verifier, type VerifierOptions } from './verifier.ts';
