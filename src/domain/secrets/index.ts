/**
 * Secrets: what a confidential client, or a resource that introspects, shares with this server, and how
 * it is replaced while both are at work.
 *
 *     ──rotate──▶ the new one lives  ──▶ lives until the next rotation
 *                 the old one lives on until the overlap is over, or ends at once without one
 *
 * One secret, or two for the time of an overlap: never more, so that nobody loses sight of them. Only
 * hashes are kept. Expiry is the database's word; whoever authenticates a client or a resource reads
 * both hashes with it (`grants/presented`, `oauth/authorization/adapter/client`).
 *
 * Does not own: making the first secret of a client (`clients`), or what a secret opens.
 */

export type { SecretHolder } from './holder.ts';
export { type LivingSecret, listSecrets } from './list.ts';
export { MAX_OVERLAP, type RotatedSecret, revokePreviousSecret, rotateSecret } from './rotate.ts';
