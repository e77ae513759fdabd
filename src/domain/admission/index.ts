/**
 * Admission: which clients are let in that nobody here registered, and how far each is trusted.
 *
 *     rule of an administrator, by URL ─┐
 *     entry of the catalogue ───────────┼──▶ rules ──┐
 *     request of a person, approved ────┘            ├─▶ standing ──mode──▶ trust level, or refused
 *     registration of a client ──────────────────────┘
 *
 * Owns what vouches for the identity of a client, the rules about clients that are named by the URL of a metadata document, the requests of people
 * for more of them, the catalogue of well-known clients, and the one decision what all of it comes
 * to for a client at a tenant. That is decided on every use and never kept: a rule that is changed counts
 * for the next request, wherever the client is connected.
 *
 * Does not own: fetching a metadata document (`oauth`), the client's registration (`clients`), or what a
 * trust level permits (`authority`).
 *
 * @see docs/adr/0007-who-is-let-in-is-decided-on-every-use.md
 */

export { type CatalogueEntry, documentsOf } from './catalogue.ts';
export { choseItsName, displayedName, nameInText, shortName } from './client-name.ts';
export {
  type CatalogueStatus,
  catalogueStatus,
  disableCatalogued,
  type Enabled,
  enableCatalogued,
} from './enable.ts';
export { type ClientTrust, findStanding, judgeDocument, type Standing, trustLevels } from './find.ts';
export type { DocumentGate, DocumentRefusal, DocumentVerdict } from './gate.ts';
export { type ClientIdentity, clientIdentity } from './identity.ts';
export { nameOfClient } from './pattern.ts';
export {
  type AskOutcome,
  approveRequest,
  askForClient,
  type ClientAsked,
  type ClientRequest,
  countRequests,
  type Decided,
  listRequests,
  MAX_REASON,
  type RequestBounds,
  rejectRequest,
  requestOf,
  sweepRequests,
} from './requests.ts';
export { listRules, type NewRule, type Rule, removeRule, type SetRule, setRule } from './rules.ts';
export { admitDocument, type DocumentMode, notBlocked, standingOf, trustOf } from './standing.ts';
export { type ChangedTrust, setTrust } from './trust.ts';
