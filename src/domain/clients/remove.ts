import type { Cause } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { markClientRemoved } from './store.ts';

export interface RemoveClientDeps {
  readonly prisma: PrismaClient;
  /** Ends the client's grants inside the same transaction, with a record each; answers how many, as far as it counts. */
  readonly revokeGrantsOf: (
    tx: Prisma.TransactionClient,
    selector: { readonly clientId: string },
    reason: 'client_removed',
    cause: Cause,
  ) => Promise<number>;
}

export interface RemovedClient {
  readonly clientId: string;
  readonly name: string;
  readonly grantsRevoked: number;
}

/**
 * Removes a client and ends all of its grants, both or neither. The id is never given again: from the
 * commit on it is `invalid_client`.
 *
 * @throws NotFound when no such client is registered.
 */
export async function removeClient(
  { prisma, revokeGrantsOf }: RemoveClientDeps,
  clientId: string,
  cause: Cause,
): Promise<RemovedClient> {
  return prisma.$transaction(async (tx) => {
    const removed = await markClientRemoved(tx, clientId);
    if (!removed) throw new NotFound(`No client ${clientId} is registered.`);
    const grantsRevoked = await revokeGrantsOf(tx, { clientId }, 'client_removed', cause);
    await recordAudit(
      tx,
      {
        event: 'client.removed',
        outcome: 'success',
        tenant: removed.tenantId,
        client: clientId,
        detail: { name: removed.name, grants_revoked: grantsRevoked },
      },
      cause,
    );
    return { clientId, name: removed.name, grantsRevoked };
  });
}
