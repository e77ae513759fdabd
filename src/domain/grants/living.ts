import { notBlocked } from '../admission/index.ts';

/**
 * Nobody ended the grant `g`: neither by itself nor with all others that had been made, by raising the epoch
 * of its client, whose row is `client`, or of the installation. Expiry is another matter.
 *
 * Epochs need no clock and no lock. A grant carries those that its making saw: where they were raised
 * meanwhile it is dead, in whatever order the two commit.
 */
export const notEnded = (client: string) =>
  `g.revoked_at IS NULL AND g.client_epoch = ${client}.grant_epoch AND g.epoch = (SELECT grant_epoch FROM installation)`;

/**
 * The grant `$n` and everybody it stands on, if all of them live: its person, client and resource.
 * What follows may add to the condition.
 */
export const livingGrant = (n: number) => `
  FROM grants g
  JOIN users u ON u.id = g.user_id AND u.disabled_at IS NULL
  JOIN clients c ON c.id = g.client_id AND c.removed_at IS NULL AND ${notBlocked('c', 'g.tenant_id')}
  JOIN resources r ON r.id = g.resource_id AND r.removed_at IS NULL
  WHERE g.id = $${n} AND ${notEnded('c')} AND g.expires_at > now()`;

/**
 * Locks the grant `$2`, if it and everybody it stands on lives.
 *
 * Every statement that consumes or mints begins with it. The grant's own row is checked again when
 * the lock had to be waited for, and whoever ends a person ends their grants in the same transaction,
 * so no revocation that was faster is overlooked; one of a whole client that commits while this
 * statement runs ends what it mints.
 */
export const LOCK_LIVING_GRANT = `
  SELECT g.id, g.client_id, g.expires_at, g.scopes ${livingGrant(2)}
  FOR UPDATE OF g`;
