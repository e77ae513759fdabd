import type { Pool, PoolClient } from 'pg';

import type { Origin } from '../../kernel/origin.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

/** Writes one record, in the transaction of its action where a client is given. */
export async function record(
  client: Pick<Pool | PoolClient, 'query'>,
  entry: AuditEntry,
  origin: Origin,
): Promise<void> {
  const text = `${auditInsert(1)} RETURNING id`;
  await client.query(auditedStatement({ name: 'audit-record', text, values: [] }, entry, origin));
}
