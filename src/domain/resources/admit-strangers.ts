import type { Cause } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { canonicalizeResource } from './canonicalize.ts';

/**
 * Says whether clients that nobody vouches for may have anything at a resource, named by its id or
 * identifier. Those that are connected feel it at their next token.
 *
 * @throws NotFound when none of that name is registered.
 */
export async function admitStrangers(
  prisma: PrismaClient,
  name: string,
  admitted: boolean,
  cause: Cause,
): Promise<{ readonly id: string; readonly identifier: string }> {
  return prisma.$transaction(async (tx) => {
    const [changed] = await tx.resource.updateManyAndReturn({
      where: { removedAt: null, OR: [{ id: name }, { identifier: canonicalizeResource(name) ?? name }] },
      data: { admitsStrangers: admitted },
      select: { id: true, identifier: true, tenantId: true },
    });
    if (!changed) throw new NotFound(`No resource ${name} is registered.`);
    const { id, identifier, tenantId } = changed;
    await recordAudit(
      tx,
      {
        event: 'resource.changed',
        outcome: 'success',
        tenant: tenantId,
        resource: identifier,
        detail: { id, admits_strangers: admitted },
      },
      cause,
    );
    return { id, identifier };
  });
}
