/**
 * Grants: the delegated user context. Who allowed whom to do what, where, and until when.
 *
 *     consent ──issueGrant──▶ grant (a promise) + code
 *                                │
 *                           redeemCode ──▶ grant (alive) + refresh generation 0
 *                                               │
 *                                    rotateRefreshToken ──▶ generation n + 1, the leaf
 *                                    repeatRefreshToken ──▶ the leaf again, for a used one within the grace period
 *                                               │
 *                                    changeScopes ──▶ the next tokens have less, or more
 *                                               │
 *                         revokeGrant, endAccess ──▶ the end of it
 *                            … of a client ──▶ the end of all that it has: settleCutoffs writes it down
 *                                     raiseGrantEpoch ──▶ the end of all
 *                         endSuperseded ──▶ the end of what a newer one has replaced and that was not used since
 *
 * Each completed authorization makes its own grant with one refresh family, so that one connection
 * can be cut off without disturbing the others. Every statement that mints or consumes locks the
 * grant's row first and checks it under that lock; its row count decides the winner, and its audit
 * record commits with it. Whether a token is valid is always asked of the grant.
 *
 * Does not own: what a token says (`domain/tokens`), which scopes remain (`domain/authority`), or
 * the pages (`oauth/interaction`, `account`).
 */

export { changeScopes, type ScopeChange, type ScopeDecision } from './change-scopes.ts';
export { endCompromisedFamilies } from './compromised-families.ts';
export {
  type ConsentKey,
  listConsents,
  type RememberedConsent,
  rememberConsent,
  rememberedScopes,
} from './consent.ts';
export { COUNTED, settleCutoffs } from './cutoff.ts';
export { type DerivationSecret, successorOf } from './derivation.ts';
export {
  type ConnectionSelector,
  endConnections,
  endConnectionsOfClient,
  forgetConsent,
} from './end-connections.ts';
export { endSuperseded } from './end-superseded.ts';
export { raiseGrantEpoch } from './epoch.ts';
export { heldScopes } from './held.ts';
export { issueGrant, type NewGrant } from './issue.ts';
export { type Connection, listConnections } from './list.ts';
export { livingGrant } from './living.ts';
export { permittedScopes } from './permitted.ts';
export {
  type ClientRow,
  type GrantFacts,
  loadPresented,
  type Presentation,
  type Presented,
  type PresentedCode,
  type PresentedRefreshToken,
} from './presented.ts';
export { type FirstRefreshToken, isCodeRedeemable, redeemCode, spendCode } from './redeem.ts';
export {
  deriveLeaf,
  MAX_REPETITIONS,
  type PathToLeaf,
  repeatRefreshToken,
} from './repeat.ts';
export { suspectReplay } from './replay-suspicion.ts';
export type { RevocationReason } from './revocation-reason.ts';
export { type AccessSelector, type EndedAccess, endAccess, revokeGrant, revokeGrantsOf } from './revoke.ts';
export { rotateRefreshToken } from './rotate.ts';
export { findScopeChoice, type ScopeChoice } from './scope-choice.ts';
export { listSecurityEnds, type SecurityEnd } from './security-ends.ts';
export { type ConsentedSnapshot, consentedSnapshot } from './snapshot.ts';
export { sweepGrants } from './sweep.ts';
