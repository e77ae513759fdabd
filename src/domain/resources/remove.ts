import type { Cause } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { markResourceRemoved } from './store.ts';

/**
 * Removes a resource, named by its id or identifier.
 *
 * Its grants are left as they are and stay visible, but no token is issued for it any more and
 * introspection of those that are out answers `active: false`. A resource added later under the same
 * identifier is another one: no old grant reaches it.
 *
 * @throws NotFound when none of that name is registered.
 */
export async function removeResource(
  prisma: PrismaClient,
  name: string,
  cause: Cause,
): Promise<{ readonly id: string; readonly identifier: string }> {
  return prisma.$transaction(async (tx) => {
    const removed = await markResourceRemoved(tx, name);
    if (!removed) throw new NotFound(`No resource ${name} is registered.`);
    await recordAudit(
      tx,
      {
        event: 'resource.removed',
        outcome: 'success',
        tenant: removed.tenantId,
        resource: removed.identifier,
        detail: { id: removed.id },
      },
      cause,
    );
    return { id: removed.id, identifier: removed.identifier };
  });
}
