import { InvalidInput } from '../../kernel/errors.ts';

import type { Db } from './store.ts';

/** The role that administers a tenant. */
export const ADMIN = 'admin';
/** The role that permits what MCP servers offer. */
export const MEMBER = 'member';

/** A person's roles in one tenant. */
export interface RolesIn {
  readonly tenantId: string;
  readonly tenant: string;
  readonly roles: readonly string[];
}

/**
 * The roles that a person gets who is given one: `member` stands beside `admin`, because `admin` alone
 * permits nothing at any MCP server.
 */
export function withMember(roles: readonly string[]): readonly string[] {
  return [...new Set(roles.includes(ADMIN) ? [MEMBER, ...roles] : roles)];
}

/** The names of a tenant's roles. */
async function roleNames(db: Db, tenantId: string): Promise<readonly string[]> {
  const roles = await db.role.findMany({ where: { tenantId }, orderBy: { name: 'asc' } });
  return roles.map(({ name }) => name);
}

/**
 * Replaces a person's roles in one tenant. Returns the roles before.
 *
 * @throws InvalidInput when no role is given, or the tenant has no role of that name.
 */
export async function setRoles(
  tx: Db,
  { tenantId, userId, roles }: { tenantId: string; userId: string; roles: readonly string[] },
): Promise<readonly string[]> {
  if (roles.length === 0) throw new InvalidInput('a member of a tenant has one role or more');
  const found = await tx.role.findMany({ where: { tenantId, name: { in: [...roles] } } });
  const unknown = roles.find((name) => !found.some((role) => role.name === name));
  if (unknown !== undefined) throw await unknownRole(tx, tenantId, unknown);
  const before = await tx.membership.findMany({ where: { tenantId, userId }, include: { role: true } });
  await tx.membership.deleteMany({
    where: { tenantId, userId, roleId: { notIn: found.map(({ id }) => id) } },
  });
  await tx.membership.createMany({
    data: found.map(({ id: roleId }) => ({ tenantId, userId, roleId })),
    skipDuplicates: true,
  });
  return before.map(({ role }) => role.name).sort();
}

/** Every role of a person, by tenant. */
export async function allRolesOf(db: Db, userId: string): Promise<readonly RolesIn[]> {
  return [...(await rolesByUser(db, [userId])).values()][0] ?? [];
}

/** Every role of these people. */
export async function rolesByUser(
  db: Db,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, readonly RolesIn[]>> {
  const memberships = await db.membership.findMany({
    where: { userId: { in: [...userIds] } },
    include: { role: true, tenant: true },
    orderBy: [{ tenantId: 'asc' }, { role: { name: 'asc' } }],
  });
  const byUser = Map.groupBy(memberships, ({ userId }) => userId);
  return new Map(
    [...byUser].map(([userId, theirs]) => [
      userId,
      [...Map.groupBy(theirs, ({ tenantId }) => tenantId)].map(([tenantId, group]) => ({
        tenantId,
        tenant: group[0]?.tenant.name ?? tenantId,
        roles: group.map(({ role }) => role.name),
      })),
    ]),
  );
}

/** The error for a role that the tenant does not have; lists those that it has. */
export async function unknownRole(db: Db, tenantId: string, role: string): Promise<InvalidInput> {
  const known = await roleNames(db, tenantId);
  return new InvalidInput(`the tenant has no role ${role}; it has: ${known.join(', ')}`);
}
