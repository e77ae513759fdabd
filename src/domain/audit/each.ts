import type { Cause } from '../../kernel/cause.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';

import { tellObserver } from './observe.ts';
import { type AuditEntry, toRow } from './record.ts';

/** What an action does to any number of rows. */
export interface ActionOnMany {
  /** A statement that returns `tenant`, `subject`, `client` and `"grant"` of each row that it changed. */
  readonly text: string;
  /** Its parameters, `$1` and on. */
  readonly values: readonly unknown[];
}

/** As `newId` makes them. */
const NEW_ID = `'aud_' || translate(rtrim(encode(uuid_send(gen_random_uuid()), 'base64'), '='), '+/', '-_')`;

/**
 * Does an action and writes one record for each row that it changed, all in one statement however many
 * they are. Answers how many.
 */
export async function recordAuditEach(
  tx: Pick<Prisma.TransactionClient, '$queryRawUnsafe'>,
  { text, values }: ActionOnMany,
  entry: Pick<AuditEntry, 'event' | 'outcome' | 'reason'>,
  cause: Cause,
): Promise<number> {
  const row = toRow(entry, cause);
  const [event, outcome, reason, actorType, actorId, requestId, network] = [1, 2, 3, 4, 5, 6, 7].map(
    (n) => `$${values.length + n}::text`,
  );
  const [counted] = await tx.$queryRawUnsafe<{ count: number }[]>(
    `WITH acted AS (${text}), recorded AS (
       INSERT INTO audit_records (id, event, outcome, reason, tenant, subject, client, agent_chain, actor_type, actor_id,
                                  "grant", scopes, request_id, network)
       SELECT ${NEW_ID}, ${event}, ${outcome}, ${reason}, tenant, subject, client, '{}'::text[], ${actorType},
              ${actorId}, "grant", '{}'::text[], ${requestId}, ${network}
       FROM acted
     )
     SELECT count(*)::int AS count FROM acted`,
    ...values,
    row.event,
    row.outcome,
    row.reason,
    row.actorType,
    row.actorId,
    row.requestId,
    row.network,
  );
  const count = counted?.count ?? 0;
  for (let told = 0; told < count; told += 1) tellObserver(tx, row);
  return count;
}
