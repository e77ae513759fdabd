/**
 * Clients: the software that connects, however it came to be known.
 *
 * Owns the registration of a client (by an administrator, dynamically by RFC 7591, by its metadata
 * document), the rules for redirect URIs, its trust level and its secret.
 *
 *     administrator ──addClient, changeRedirectUris──────────────────┐
 *     POST /register ─┐                       ┌─registerDynamicClient─┼──▶ client
 *     document ───────┴─normalizeRegistration─┴─keepDocument──────────┘ and a snapshot, which grants rest on
 *     PUT /register/:id ────────────┴───────────changeRegistration ───────▶ the same client
 *
 * Whatever the way in, a redirect URI passes `checkRedirectUri`, and a request is compared with
 * `redirectUriMatches`.
 *
 * Does not own: fetching documents or answering `/register` (`oauth`), or what a trust level permits (`authority`).
 */

export { type AddedClient, addClient, type NewClient } from './add.ts';
export { changeRedirectUris } from './change-redirects.ts';
export {
  AUTH_METHODS,
  type AuthMethod,
  type Client,
  type Registration,
  TRUST_LEVELS,
  type Trust,
} from './client.ts';
export { isDocumentUrl, looksLikeDocumentUrl } from './documents/document-url.ts';
export { type ClientDocument, createDocuments, type Documents } from './documents/documents.ts';
export { keepDocument } from './documents/keep-document.ts';
export { DocumentInvalid, MAX_DOCUMENT, readDocument } from './documents/read-document.ts';
export {
  changesBetween,
  type DocumentChange,
  type Snapshot,
  snapshotOf,
  versionOf,
} from './documents/snapshot.ts';
export {
  type ClientMetadata,
  type NormalizedRegistration,
  normalizeRegistration,
  type RegistrationError,
} from './normalize-registration.ts';
export { ASSERTION_ALGORITHMS, type AssertionAlgorithm, keyFits, type PublicKey } from './public-key.ts';
export { KeySetInvalid, MAX_KEY_SET, readPublishedKeys } from './published-keys.ts';
export { checkRedirectUri, type RedirectUriCheck, type RedirectUriKind } from './redirect-uri.ts';
export { normalizeRedirectUri, redirectUriMatches } from './redirect-uri-match.ts';
export { changeRegistration } from './registration/change-registration.ts';
export type { QuotaRefusal, RegistrationQuota } from './registration/quota.ts';
export { type DynamicOutcome, registerDynamicClient } from './registration/register-dynamically.ts';
export {
  checkRegistrationToken,
  createRegistrationToken,
  endEveryRegistrationToken,
  isRegistrationToken,
  listRegistrationTokens,
  REGISTRATION_TRUST,
  type RegistrationToken,
  type RegistrationTokenRefusal,
  type RegistrationTrust,
  revokeRegistrationToken,
} from './registration/registration-token.ts';
export { type ClientLifetimes, sweepClients } from './registration/sweep.ts';
export { type RemoveClientDeps, type RemovedClient, removeClient } from './remove.ts';
export { clientSecretMatches } from './secret.ts';
export {
  type ClientCredentials,
  findClient,
  findClientCredentials,
  findManagedClient,
  listClients,
} from './store.ts';
