import { recordableClientId } from '../../kernel/client-id.ts';
import type {
  AuditRecord as AuditRecordModel,
  PrismaClient,
} from '../../platform/database/generated/client.ts';

/** A record as the contract tells it. Absent members are left out. */
export interface AuditRecord {
  readonly id: string;
  /** Order of the records. */
  readonly seq: number;
  /** RFC 3339. */
  readonly time: string;
  readonly event: string;
  readonly outcome: string;
  readonly reason?: string;
  /** Who did it; absent in records from before actors were kept. */
  readonly actor?: { readonly type: string; readonly id?: string };
  readonly tenant?: string;
  readonly subject?: string;
  readonly client?: string;
  readonly agent_chain?: readonly string[];
  readonly service?: string;
  readonly grant?: string;
  readonly resource?: string;
  readonly scopes?: readonly string[];
  readonly request_id: string;
  readonly network?: string;
  readonly detail?: unknown;
}

export interface AuditQuery {
  readonly since?: Date | undefined;
  readonly event?: string | undefined;
  readonly subject?: string | undefined;
  /** Id of the actor, whatever its type. */
  readonly actor?: string | undefined;
  readonly client?: string | undefined;
  readonly grant?: string | undefined;
  readonly requestId?: string | undefined;
  readonly limit?: number | undefined;
}

/** The newest records that match, oldest first; at most `limit` (1,000 by default). */
export async function listAudit(prisma: PrismaClient, query: AuditQuery): Promise<readonly AuditRecord[]> {
  const rows = await prisma.auditRecord.findMany({
    where: {
      ...(query.since ? { time: { gte: query.since } } : {}),
      ...(query.event ? { event: query.event } : {}),
      ...(query.subject ? { subject: query.subject } : {}),
      ...(query.actor ? { actorId: query.actor } : {}),
      ...(query.client ? { client: recordableClientId(query.client) } : {}),
      ...(query.grant ? { grant: query.grant } : {}),
      ...(query.requestId ? { requestId: query.requestId } : {}),
    },
    orderBy: [{ time: 'desc' }, { seq: 'desc' }],
    take: query.limit ?? 1000,
  });
  return rows.reverse().map(toRecord);
}

/** A row as the contract tells it. */
export function toRecord(row: AuditRecordModel): AuditRecord {
  return {
    id: row.id,
    seq: Number(row.seq),
    time: row.time.toISOString(),
    event: row.event,
    outcome: row.outcome,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.actorType === null ? {} : { actor: actorOf(row.actorType, row.actorId) }),
    ...(row.tenant === null ? {} : { tenant: row.tenant }),
    ...(row.subject === null ? {} : { subject: row.subject }),
    ...(row.client === null ? {} : { client: row.client }),
    ...(row.agentChain.length === 0 ? {} : { agent_chain: row.agentChain }),
    ...(row.service === null ? {} : { service: row.service }),
    ...(row.grant === null ? {} : { grant: row.grant }),
    ...(row.resource === null ? {} : { resource: row.resource }),
    ...(row.scopes.length === 0 ? {} : { scopes: row.scopes }),
    request_id: row.requestId,
    ...(row.network === null ? {} : { network: row.network }),
    ...(row.detail === null ? {} : { detail: row.detail }),
  };
}

function actorOf(type: string, id: string | null) {
  return id === null ? { type } : { type, id };
}
