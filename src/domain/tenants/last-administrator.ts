import { ADMIN } from './roles.ts';
import type { Db } from './store.ts';

/**
 * Locks every tenant of a person until the transaction ends, in the order of their ids, so that two acts
 * cannot each leave the other's administrator as the last one.
 */
export async function lockTenantsOf(tx: Db, userId: string): Promise<void> {
  await tx.$queryRaw`
    SELECT id FROM tenants WHERE id IN (SELECT tenant_id FROM memberships WHERE user_id = ${userId})
    ORDER BY id FOR NO KEY UPDATE`;
}

/**
 * The tenants that this person administers and no other enabled person does. Call it under `lockTenantsOf`
 * or `lockTenant`.
 */
export async function administersAlone(
  tx: Db,
  userId: string,
): Promise<readonly { readonly id: string; readonly name: string }[]> {
  return tx.$queryRaw<{ id: string; name: string }[]>`
    SELECT t.id, t.name FROM memberships m
    JOIN roles r ON r.id = m.role_id AND r.name = ${ADMIN}
    JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = ${userId} AND NOT EXISTS (
      SELECT 1 FROM memberships o JOIN users u ON u.id = o.user_id AND u.disabled_at IS NULL
      WHERE o.tenant_id = m.tenant_id AND o.role_id = m.role_id AND o.user_id <> m.user_id)
    ORDER BY t.id`;
}
