/**
 * Locks the grant `$2`, if it and everybody it stands on lives: its person, client and resource.
 *
 * Every statement that consumes or mints begins with it. The grant's own row is checked again when
 * the lock had to be waited for, and whoever ends a person or a client ends their grants in the same
 * transaction, so no revocation that was faster is overlooked.
 */
export const LOCK_LIVING_GRANT = `
  SELECT g.id, g.client_id, g.expires_at FROM grants g
  JOIN users u ON u.id = g.user_id AND u.disabled_at IS NULL
  JOIN clients c ON c.id = g.client_id AND c.removed_at IS NULL AND c.trust <> 'blocked'
  JOIN resources r ON r.id = g.resource_id AND r.removed_at IS NULL
  WHERE g.id = $2 AND g.revoked_at IS NULL AND g.expires_at > now()
  FOR UPDATE OF g`;
