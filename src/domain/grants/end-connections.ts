import { NotFound } from '../../kernel/errors.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { cutOffClient } from './cutoff.ts';
import { notEnded } from './living.ts';
import { revokeGrantsOf } from './revoke.ts';

/** Which of a person's connections are to end: one, all of a client, or all. */
export interface ConnectionSelector {
  readonly grantId?: string | undefined;
  readonly clientId?: string | undefined;
}

const THEIRS = `
  SELECT g.id, g.client_id AS "clientId", g.resource_id AS "resourceId"
  FROM grants g JOIN clients c ON c.id = g.client_id
  WHERE g.user_id = $1 AND ${notEnded('c')} AND ($2::text IS NULL OR g.id = $2)
    AND ($3::text IS NULL OR g.client_id = $3)`;

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
    const theirs = await tx.$queryRawUnsafe<{ id: string; clientId: string; resourceId: string }[]>(
      THEIRS,
      userId,
      grantId ?? null,
      clientId ?? null,
    );
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

/**
 * Ends every connection of a client in the name of an administrator, at once, and forgets what anybody's
 * consent to it was remembered of. The client stays registered. Answers how many ended, as far as `COUNTED`.
 */
export async function endConnectionsOfClient(
  prisma: PrismaClient,
  client: { readonly id: string; readonly tenantId: string },
  origin: Origin,
): Promise<number> {
  return prisma.$transaction(async (tx) => {
    const ended = await cutOffClient(tx, client.id, 'ended_by_administrator', origin);
    await recordAudit(
      tx,
      {
        event: 'client.grants_revoked',
        outcome: 'success',
        tenant: client.tenantId,
        client: client.id,
        detail: { grants_revoked: ended },
      },
      origin,
    );
    return ended;
  });
}
