import type { Cause } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { forgetConsents } from './consent.ts';
import { cutOffClient } from './cutoff.ts';
import { type EndedAccess, endAccess } from './revoke.ts';

/** Which of a person's connections to end: one, all of a client, or all. */
export interface ConnectionSelector {
  readonly grantId?: string | undefined;
  readonly clientId?: string | undefined;
}

/**
 * Ends connections in the name of their owner, with the remembered consent that `endAccess` ties to them.
 *
 * @throws NotFound if none of the person's matches, also for the connection of another person.
 */
export async function endConnections(
  prisma: PrismaClient,
  userId: string,
  { grantId, clientId }: ConnectionSelector,
  cause: Cause,
): Promise<EndedAccess> {
  const selector = grantId === undefined ? { userId, clientId } : { userId, grantId };
  return prisma.$transaction(async (tx) => {
    const ended = await endAccess(tx, selector, 'ended_by_user', cause);
    if (ended.grants + ended.consents === 0) throw new NotFound('there is no such connection');
    return ended;
  });
}

/**
 * Deletes one remembered consent in the name of its owner.
 *
 * @throws NotFound if the person has no such consent.
 */
export async function forgetConsent(
  prisma: PrismaClient,
  userId: string,
  consentId: string,
  cause: Cause,
): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const forgotten = await forgetConsents(tx, { userId, consentId }, 'ended_by_user', cause);
    if (forgotten === 0) throw new NotFound('there is no such consent');
  });
}

/**
 * Ends every connection of a client in the name of an administrator, at once, and forgets what anybody's
 * consent to it was remembered of. The client stays registered. Answers how many ended, as far as `COUNTED`.
 */
export async function endConnectionsOfClient(
  prisma: PrismaClient,
  client: { readonly id: string; readonly tenantId: string },
  cause: Cause,
): Promise<number> {
  return prisma.$transaction(async (tx) => {
    const ended = await cutOffClient(tx, client.id, 'ended_by_administrator', cause);
    await recordAudit(
      tx,
      {
        event: 'client.grants_revoked',
        outcome: 'success',
        tenant: client.tenantId,
        client: client.id,
        detail: { grants_revoked: ended },
      },
      cause,
    );
    return ended;
  });
}
