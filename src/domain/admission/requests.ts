import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput, NotFound } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { plainText } from '../../kernel/plain-text.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { ADVISORY_LOCKS } from '../../platform/database/index.ts';
import { recordAudit } from '../audit/index.ts';
import type { TrustLevel } from '../authority/index.ts';

import { nameOfClient } from './pattern.ts';
import { writeRule } from './rules.ts';

/** What somebody says of why they need a client, at the most. */
export const MAX_REASON = 500;

/** A person who asks for a client. */
export interface ClientAsked {
  readonly tenantId: string;
  readonly userId: string;
  /** The URL that names it. */
  readonly clientId: string;
  /** Their own words; may be empty. */
  readonly reason: string;
}

/** How many requests may wait for an administrator. */
export interface RequestBounds {
  /** Of one person. */
  readonly perPerson: number;
  readonly inAll: number;
}

/** What became of a request: how it stands, or which bound refused it. */
export type AskOutcome =
  | 'asked'
  | 'waiting'
  | 'rejected'
  | 'too_many_client_requests'
  | 'client_requests_full';

/**
 * Keeps that a person asks for a client that no rule speaks of. Nothing is fetched: an administrator sees the
 * address and the person, and nothing that a stranger could have put there.
 *
 * Asking again changes nothing; a request that was approved counts as new, since its rule is gone.
 *
 * @throws InvalidInput when the URL cannot name a client.
 */
export async function askForClient(
  prisma: PrismaClient,
  { tenantId, userId, clientId, reason }: ClientAsked,
  bounds: RequestBounds,
  cause: Cause,
): Promise<AskOutcome> {
  if (nameOfClient(clientId) === undefined) throw new InvalidInput(`${clientId} names no client.`);
  return prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.clientRequests}::bigint)`;
    const key = { tenantId_clientId_userId: { tenantId, clientId, userId } };
    const before = await tx.clientRequest.findUnique({ where: key });
    if (before?.decision === 'rejected') return 'rejected';
    if (before && before.decision === null) return 'waiting';
    const waiting = { decision: null };
    if ((await tx.clientRequest.count({ where: { ...waiting, userId } })) >= bounds.perPerson)
      return 'too_many_client_requests';
    if ((await tx.clientRequest.count({ where: waiting })) >= bounds.inAll) return 'client_requests_full';

    if (before) await tx.clientRequest.delete({ where: { id: before.id } });
    await tx.clientRequest.create({
      data: { id: newId('crq'), tenantId, clientId, userId, reason: plainText(reason, MAX_REASON) },
    });
    await recordAudit(
      tx,
      {
        event: 'client.requested',
        outcome: 'success',
        tenant: tenantId,
        subject: userId,
        client: clientId,
      },
      cause,
    );
    return 'asked';
  });
}

/** How a person's request for a client stands. */
export async function requestOf(
  prisma: PrismaClient,
  key: { readonly tenantId: string; readonly userId: string; readonly clientId: string },
): Promise<'none' | 'waiting' | 'rejected' | 'approved'> {
  const found = await prisma.clientRequest.findUnique({ where: { tenantId_clientId_userId: key } });
  if (!found) return 'none';
  return (found.decision as 'rejected' | 'approved' | null) ?? 'waiting';
}

/** A request as an administrator sees it. */
export interface ClientRequest {
  /** `crq_…` */
  readonly id: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly userEmail: string;
  readonly reason: string;
  readonly createdAt: Date;
  readonly decision: 'waiting' | 'approved' | 'rejected';
}

/** Requests, oldest first: those that wait, or all that are remembered. */
export async function listRequests(
  prisma: PrismaClient,
  { decided }: { readonly decided: boolean },
): Promise<readonly ClientRequest[]> {
  const rows = await prisma.clientRequest.findMany({
    where: decided ? {} : { decision: null },
    include: { user: { select: { email: true } } },
    orderBy: { createdAt: 'asc' },
  });
  return rows.map(({ id, tenantId, clientId, user, reason, createdAt, decision }) => ({
    id,
    tenantId,
    clientId,
    userEmail: user.email,
    reason,
    createdAt,
    decision: (decision as 'approved' | 'rejected' | null) ?? 'waiting',
  }));
}

/** How many wait. */
export async function countRequests(prisma: PrismaClient): Promise<number> {
  return prisma.clientRequest.count({ where: { decision: null } });
}

export interface Decided {
  readonly clientId: string;
  /** How many people's requests this answers. */
  readonly requests: number;
}

/**
 * Lets a client in that somebody asked for, by a rule for its URL, and answers everybody who asked for it.
 *
 * @throws NotFound when nobody waits for it.
 */
export async function approveRequest(
  prisma: PrismaClient,
  { name, tenantId }: Named,
  { trust }: { readonly trust: TrustLevel },
  cause: Cause,
): Promise<Decided> {
  return prisma.$transaction(async (tx) => {
    const asked = await waitingFor(tx, { name, tenantId });
    await writeRule(tx, { tenantId: asked.tenantId, pattern: asked.clientId, trust }, cause);
    return decide(tx, asked, { decision: 'approved', detail: { trust } }, cause);
  });
}

/**
 * Keeps a client out that somebody asked for. Those who asked are told when they come again, and cannot ask for
 * it again for a while; a rule can still let it in.
 *
 * @throws NotFound when nobody waits for it.
 */
export async function rejectRequest(prisma: PrismaClient, named: Named, cause: Cause): Promise<Decided> {
  return prisma.$transaction(async (tx) =>
    decide(tx, await waitingFor(tx, named), { decision: 'rejected', detail: {} }, cause),
  );
}

/** Requests as an administrator of the installation names them. */
interface Named {
  /** The id of a request, in whatever tenant, or the URL of the client. */
  readonly name: string;
  /** Where a client is meant that was named by its URL. */
  readonly tenantId: string;
}

interface Asked {
  readonly tenantId: string;
  readonly clientId: string;
}

async function waitingFor(tx: Prisma.TransactionClient, { name, tenantId }: Named): Promise<Asked> {
  const found = await tx.clientRequest.findFirst({
    where: {
      decision: null,
      ...(name.startsWith('crq_') ? { id: name } : { clientId: name, tenantId }),
    },
    select: { tenantId: true, clientId: true },
  });
  if (!found) throw new NotFound(`Nobody waits for ${name}.`);
  return found;
}

async function decide(
  tx: Prisma.TransactionClient,
  { tenantId, clientId }: Asked,
  { decision, detail }: { readonly decision: 'approved' | 'rejected'; readonly detail: object },
  cause: Cause,
): Promise<Decided> {
  const count = await tx.$executeRaw`
    UPDATE client_requests SET decision = ${decision}, decided_at = now()
    WHERE tenant_id = ${tenantId} AND client_id = ${clientId} AND decision IS NULL`;
  // Somebody else was faster.
  if (count === 0) throw new NotFound(`Nobody waits for ${clientId}.`);
  await recordAudit(
    tx,
    {
      event: decision === 'approved' ? 'client.request_approved' : 'client.request_rejected',
      outcome: 'success',
      tenant: tenantId,
      client: clientId,
      detail: { ...detail, requests: count },
    },
    cause,
  );
  return { clientId, requests: count };
}

/**
 * Forgets requests that nobody decided for a month, so that there is room for others, and decided ones after
 * three, from when on a rejected client can be asked for again. Answers how many.
 */
export async function sweepRequests(prisma: PrismaClient): Promise<number> {
  return prisma.$executeRaw`
    DELETE FROM client_requests
    WHERE created_at < now() - interval '30 days' AND decision IS NULL
       OR decided_at < now() - interval '90 days'`;
}
