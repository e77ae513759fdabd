import type { AuditRecord } from '../list.ts';

import { detailOf, type Gathered } from './attempt.ts';

/** Of a client, not of one attempt. */
export const REGISTRATION = ['client.added', 'client.registered'];
/** What begins or ends an attempt of which nothing else is known. */
const ALONE = new Set([
  'authorization.rejected',
  'authorization.denied',
  'client.rejected',
  'client.authentication_failed',
  'token.rejected',
  'request.throttled',
]);
/** Refusals at the token endpoint that name no grant: they belong to the code that was out then. */
const OF_A_CODE = new Set(['client.authentication_failed', 'token.rejected']);
/** Milliseconds after which a refusal at the token endpoint is not put down to a code any more. */
const NEAR = 10 * 60_000;

/**
 * Sorts records, oldest first, into attempts: those of one flow belong together, and those of the grant that
 * came of it; what is left over stands alone.
 */
export function gatherAttempts(
  records: readonly AuditRecord[],
  registrations: readonly AuditRecord[],
): readonly Gathered[] {
  const flows = flowsOf(records);
  const byGrant = new Map<string, string>();
  for (const record of records) {
    const key = flows(record);
    if (key !== undefined && record.grant !== undefined) byGrant.set(record.grant, key);
  }
  const groups = new Map<string, AuditRecord[]>();
  for (const record of records) {
    const key = keyOf(record, { flows, byGrant, groups });
    if (key === undefined) continue;
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  return [...groups.values()].map((group) => {
    const client = group.find((record) => record.client !== undefined)?.client;
    return { records: group, registration: registrations.filter((record) => record.client === client) };
  });
}

/** The flow of a record; one that went on under another name keeps its first. */
function flowsOf(records: readonly AuditRecord[]): (record: AuditRecord) => string | undefined {
  const first = new Map<string, string>();
  for (const record of records) {
    const [flow, next] = [detailOf(record, 'flow'), detailOf(record, 'goes_on_as')];
    if (flow !== undefined && next !== undefined) first.set(next, first.get(flow) ?? flow);
  }
  return (record) => {
    const flow = detailOf(record, 'flow');
    return flow && (first.get(flow) ?? flow);
  };
}

function keyOf(
  record: AuditRecord,
  known: {
    readonly flows: (record: AuditRecord) => string | undefined;
    readonly byGrant: ReadonlyMap<string, string>;
    readonly groups: ReadonlyMap<string, readonly AuditRecord[]>;
  },
): string | undefined {
  const { grant, event, request_id: requestId } = record;
  const flow = known.flows(record);
  if (flow !== undefined) return flow;
  if (grant !== undefined) return known.byGrant.get(grant) ?? grant;
  if (!ALONE.has(event)) return undefined;
  return (OF_A_CODE.has(event) ? codeOutThen(record, known.groups) : undefined) ?? requestId;
}

/** The attempt of this client whose code was out when it was refused. */
function codeOutThen(
  { client, time }: AuditRecord,
  groups: ReadonlyMap<string, readonly AuditRecord[]>,
): string | undefined {
  const out = [...groups].findLast(([, group]) => {
    const issued = group.findLast(({ event }) => event === 'grant.issued');
    return (
      issued !== undefined &&
      issued.client === client &&
      !group.some(({ event }) => event === 'token.issued') &&
      Date.parse(time) - Date.parse(issued.time) < NEAR
    );
  });
  return out?.[0];
}
