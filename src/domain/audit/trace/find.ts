import { recordableClientId } from '../../../kernel/client-id.ts';
import type { Prisma, PrismaClient } from '../../../platform/database/generated/client.ts';

import { type AuditRecord, toRecord } from '../list.ts';

import { type Attempt, detailOf, type Patience } from './attempt.ts';
import { gatherAttempts, REGISTRATION } from './gather.ts';
import { attemptOf } from './stages.ts';

/** What attempts are looked for by. */
export type TraceSubject =
  | { readonly flow: string }
  | { readonly grant: string }
  | { readonly requestId: string }
  | { readonly client: string }
  /** Id of a user. */
  | { readonly subject: string }
  /** IP address, as the server saw it. */
  | { readonly network: string };

/** Of each kind at the most, the newest. */
const LIMIT = 2_000;
/** Flows and grants that are looked up in full. */
const MAX_FLOWS = 100;

/**
 * The attempts that a subject took part in since then, oldest first: each with every record of its flow and
 * its grant, also those that name neither client nor network.
 */
export async function findAttempts(
  prisma: PrismaClient,
  subject: TraceSubject,
  { since, patience, now }: { readonly since: Date; readonly patience: Patience; readonly now: Date },
): Promise<readonly Attempt[]> {
  const seeds = await recordsOf(prisma, whereOf(subject), since, 'flow' in subject ? [subject.flow] : []);
  const whole = await complete(prisma, seeds, since);
  const registrations = await registrationsOf(prisma, whole);
  const attempts = gatherAttempts(whole, registrations).map((gathered) => attemptOf(gathered, patience, now));
  return attempts
    .filter((attempt) => concerns(subject, attempt, whole))
    .sort((a, b) => a.began.localeCompare(b.began));
}

function whereOf(subject: TraceSubject): Prisma.AuditRecordWhereInput | undefined {
  if ('flow' in subject) return undefined;
  return 'client' in subject ? { client: recordableClientId(subject.client) } : subject;
}

/** Follows flows and grants until nothing new comes up: from a refused token to its grant, its flow, its sign-in. */
async function complete(
  prisma: PrismaClient,
  seeds: readonly AuditRecord[],
  since: Date,
): Promise<readonly AuditRecord[]> {
  const records = new Map(seeds.map((record) => [record.id, record]));
  const asked = new Set<string>();
  for (;;) {
    const flows = new Set<string>();
    const grants = new Set<string>();
    for (const record of records.values()) {
      for (const name of ['flow', 'goes_on_as']) {
        const flow = detailOf(record, name);
        if (flow !== undefined && !asked.has(flow)) flows.add(flow);
      }
      if (record.grant !== undefined && !asked.has(record.grant)) grants.add(record.grant);
    }
    if (flows.size + grants.size === 0 || asked.size > MAX_FLOWS) break;
    for (const id of [...flows, ...grants]) asked.add(id);
    const where = grants.size > 0 ? { grant: { in: [...grants] } } : undefined;
    for (const record of await recordsOf(prisma, where, since, [...flows])) records.set(record.id, record);
  }
  return [...records.values()].sort((a, b) => a.time.localeCompare(b.time) || a.id.localeCompare(b.id));
}

/** How the clients came to be known, however long ago that was. */
async function registrationsOf(
  prisma: PrismaClient,
  records: readonly AuditRecord[],
): Promise<readonly AuditRecord[]> {
  const clients = [...new Set(records.flatMap(({ client }) => client ?? []))];
  const rows = await prisma.auditRecord.findMany({
    where: { client: { in: clients }, event: { in: [...REGISTRATION] } },
    orderBy: [{ time: 'desc' }, { seq: 'desc' }],
    take: LIMIT,
  });
  return rows.reverse().map(toRecord);
}

async function recordsOf(
  prisma: PrismaClient,
  where: Prisma.AuditRecordWhereInput | undefined,
  since: Date,
  flows: readonly string[],
): Promise<readonly AuditRecord[]> {
  // One by one, because the index is only for a flow that is named.
  const found = await Promise.all(
    flows.map(
      (flow) => prisma.$queryRaw<{ id: string }[]>`
        SELECT id FROM audit_records WHERE detail ->> 'flow' = ${flow} AND time >= ${since} LIMIT ${LIMIT}`,
    ),
  );
  const ids = found.flat().map(({ id }) => id);
  const rows = await prisma.auditRecord.findMany({
    where: { OR: [{ id: { in: ids } }, ...(where ? [{ ...where, time: { gte: since } }] : [])] },
    orderBy: [{ time: 'desc' }, { seq: 'desc' }],
    take: LIMIT,
  });
  return rows.reverse().map(toRecord);
}

/** An attempt that came up on the way, and is of somebody else, is not told. */
function concerns(subject: TraceSubject, attempt: Attempt, records: readonly AuditRecord[]): boolean {
  if ('flow' in subject) {
    const went = records.find((record) => detailOf(record, 'goes_on_as') === subject.flow);
    return attempt.flow === subject.flow || (went !== undefined && attempt.flow === detailOf(went, 'flow'));
  }
  if ('grant' in subject) return attempt.grant === subject.grant;
  if ('client' in subject) return attempt.client === recordableClientId(subject.client);
  return true;
}
