/**
 * Fetching what somebody else named: metadata documents, key sets, logos. Every URL that did not come
 * from whoever runs this server goes through here.
 *
 *     GuardedFetch ──▶ the web            createCopies ──▶ one shared copy of what is there
 *
 * A server fetches in a thread of its own (`openWays`), a command where it runs (`createGuardedFetch`).
 *
 * Owns the guard: https to public names and global unicast addresses only, resolved once and dialled as
 * they were looked at; no redirect, no compression, no proxy, no credential, no second use of a
 * connection; bounded in time, header, body, pieces and number. It refuses in one way, in word and in time. Owns
 * also the copies that all processes share, and how long one is good.
 *
 * Does not own: what an answer means, or who may cause a fetch.
 */

export { type Copies, type CopyOutcome, createCopies } from './copies/copies.ts';
export { sweepCopies } from './copies/store.ts';
export { createGuardedFetch } from './create.ts';
export { FetchRefused } from './errors.ts';
export type { Fetched, GuardedFetch, GuardedRequest, Outbound, ResolvedAddress, Ways } from './fetch.ts';
export { systemOutbound } from './outbound.ts';
export { type Reachability, watchReachability } from './reachability.ts';
export type { OutboundModule } from './thread/messages.ts';
export { openWays } from './ways.ts';
