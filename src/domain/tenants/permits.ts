import { newId } from '../../kernel/ids.ts';

import { MEMBER } from './roles.ts';
import type { Db } from './store.ts';

/** The role `member` of a tenant, and one of the tenant's resources. */
interface MembersAt {
  readonly tenantId: string;
  readonly resourceId: string;
}

/**
 * Permits the role `member` of a tenant every scope of a resource, also those that are added later. Returns whether
 * that is new. A tenant without that role permits nothing.
 */
export async function permitMembers(db: Db, { tenantId, resourceId }: MembersAt): Promise<boolean> {
  const role = await db.role.findUnique({ where: { tenantId_name: { tenantId, name: MEMBER } } });
  if (!role) return false;
  const whole = { roleId: role.id, resourceId, scope: null };
  if ((await db.rolePermit.count({ where: whole })) > 0) return false;
  await db.rolePermit.create({ data: { id: newId('prm'), ...whole } });
  return true;
}

/** Takes from the role `member` of a tenant whatever it permits at a resource. Returns whether that was anything. */
export async function forbidMembers(db: Db, { tenantId, resourceId }: MembersAt): Promise<boolean> {
  const { count } = await db.rolePermit.deleteMany({
    where: { resourceId, role: { tenantId, name: MEMBER } },
  });
  return count > 0;
}
