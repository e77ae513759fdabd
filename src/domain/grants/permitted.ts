import type { PrismaClient } from '../../platform/database/generated/client.ts';

/** What a person's roles in a tenant permit at a resource; `'all'` for a role that is permitted every scope there. */
export async function permittedScopes(
  prisma: PrismaClient,
  where: { readonly userId: string; readonly tenantId: string; readonly resourceId: string },
): Promise<'all' | ReadonlySet<string>> {
  const permits = await prisma.rolePermit.findMany({
    where: {
      resourceId: where.resourceId,
      role: { memberships: { some: { userId: where.userId, tenantId: where.tenantId } } },
    },
    select: { scope: true },
  });
  if (permits.some((permit) => permit.scope === null)) return 'all';
  return new Set(permits.flatMap((permit) => permit.scope ?? []));
}
