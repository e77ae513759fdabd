import { ADMIN, unknownRole } from './roles.ts';
import type { Db } from './store.ts';

/**
 * Makes a person a member of a tenant in one role; having it already changes nothing.
 *
 * @throws InvalidInput when the tenant has no role of that name.
 */
export async function addMembership(
  db: Db,
  { tenantId, userId, role }: { readonly tenantId: string; readonly userId: string; readonly role: string },
): Promise<void> {
  const found = await db.role.findUnique({ where: { tenantId_name: { tenantId, name: role } } });
  if (!found) throw await unknownRole(db, tenantId, role);
  const membership = { tenantId, userId, roleId: found.id };
  await db.membership.createMany({ data: [membership], skipDuplicates: true });
}

/** The names of a person's roles in a tenant; empty for everyone who is not a member. */
export async function rolesOf(db: Db, userId: string, tenantId: string): Promise<readonly string[]> {
  const memberships = await db.membership.findMany({
    where: { userId, tenantId },
    select: { role: { select: { name: true } } },
  });
  return memberships.map(({ role }) => role.name).sort();
}

/** Whether this person administers the tenant. */
export async function isAdministrator(db: Db, userId: string, tenantId: string): Promise<boolean> {
  return (await rolesOf(db, userId, tenantId)).includes(ADMIN);
}

/**
 * Whether anybody administers the tenant. A disabled administrator counts: disabling the last one
 * must not open set-up to whoever comes first.
 */
export async function hasAdministrator(db: Db, tenantId: string): Promise<boolean> {
  return (await db.membership.count({ where: { tenantId, role: { name: ADMIN } } })) > 0;
}
