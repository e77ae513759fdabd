import type { Prisma } from '../../platform/database/generated/client.ts';

/**
 * Nobody ended the grant `g`: neither by itself nor, by raising the installation's epoch, with all others
 * that had been made.
 */
export const NOT_ENDED = 'g.revoked_at IS NULL AND g.epoch = (SELECT grant_epoch FROM installation)';

/** The opposite. Expiry is another matter. */
export const GRANT_ENDED = `(${NOT_ENDED}) IS NOT TRUE`;

/**
 * The grant `$n` and everybody it stands on, if all of them live: its person, client and resource.
 * What follows may add to the condition.
 */
export const livingGrant = (n: number) => `
  FROM grants g
  JOIN users u ON u.id = g.user_id AND u.disabled_at IS NULL
  JOIN clients c ON c.id = g.client_id AND c.removed_at IS NULL AND c.trust <> 'blocked'
  JOIN resources r ON r.id = g.resource_id AND r.removed_at IS NULL
  WHERE g.id = $${n} AND ${NOT_ENDED} AND g.expires_at > now()`;

/**
 * Locks the grant `$2`, if it and everybody it stands on lives.
 *
 * Every statement that consumes or mints begins with it. The grant's own row is checked again when
 * the lock had to be waited for, and whoever ends a person or a client ends their grants in the same
 * transaction, so no revocation that was faster is overlooked.
 */
export const LOCK_LIVING_GRANT = `
  SELECT g.id, g.client_id, g.expires_at ${livingGrant(2)}
  FOR UPDATE OF g`;

/** `NOT_ENDED` for everyday queries. */
export async function notEnded(
  db: Pick<Prisma.TransactionClient, 'installation'>,
): Promise<{ readonly revokedAt: null; readonly epoch: number }> {
  const { grantEpoch } = await db.installation.findFirstOrThrow({ select: { grantEpoch: true } });
  return { revokedAt: null, epoch: grantEpoch };
}
