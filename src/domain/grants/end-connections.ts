import { NotFound } from '../../kernel/errors.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';

import { notEnded } from './living.ts';
import { revokeGrantsOf } from './revoke.ts';

/** Which of a person's connections are to end: one, all of a client, or all. */
export interface ConnectionSelector {
  readonly grantId?: string | undefined;
  readonly clientId?: string | undefined;
}

/**
 * Ends connections in the name of their owner, and forgets what was remembered of their consent: whoever
 * ends a connection does not expect it to come back without being asked. Answers how many ended.
 *
 * @throws NotFound when none of theirs matches, also for the connection of another person.
 */
export async function endConnections(
  prisma: PrismaClient,
  userId: string,
  { grantId, clientId }: ConnectionSelector,
  origin: Origin,
): Promise<number> {
  return prisma.$transaction(async (tx) => {
    const theirs = await tx.grant.findMany({
      where: {
        userId,
        ...(await notEnded(tx)),
        ...(grantId === undefined ? {} : { id: grantId }),
        ...(clientId === undefined ? {} : { clientId }),
      },
      select: { id: true, clientId: true, resourceId: true },
    });
    if (theirs.length === 0) throw new NotFound('there is no such connection');

    const ended = await revokeGrantsOf(
      tx,
      { userId, grantIds: theirs.map(({ id }) => id) },
      'ended_by_user',
      origin,
    );
    await tx.consent.deleteMany({
      where: {
        userId,
        OR: theirs.map(({ clientId: client, resourceId }) => ({ clientId: client, resourceId })),
      },
    });
    return ended;
  });
}

/** Milliseconds; a client may have very many grants. */
const TIMEOUT = 30_000;

/**
 * Ends every connection of a client in the name of an administrator, and forgets what anybody's consent
 * to it was remembered of. The client stays registered. Answers how many ended.
 */
export async function endConnectionsOfClient(
  prisma: PrismaClient,
  clientId: string,
  origin: Origin,
): Promise<number> {
  const end = async (tx: Prisma.TransactionClient) => {
    const ended = await revokeGrantsOf(tx, { clientId }, 'ended_by_administrator', origin);
    await tx.consent.deleteMany({ where: { clientId } });
    return ended;
  };
  return prisma.$transaction(end, { timeout: TIMEOUT });
}
