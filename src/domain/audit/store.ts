import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient, QueryConfig } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';

import { type AuditEntry, type AuditRow, toRow } from './record.ts';

/** A Prisma client or the transaction of the action that is recorded. */
export type AuditWriter = Pick<PrismaClient, 'auditRecord'>;

/**
 * Writes one record through the transaction of its action, so that both commit or neither does.
 *
 * @throws whatever the store throws: an action that cannot be recorded does not happen.
 */
export async function recordAudit(db: AuditWriter, entry: AuditEntry, cause: Cause): Promise<void> {
  const { detail, ...row } = toRow(entry, cause);
  await db.auditRecord.create({
    data: { ...row, ...(detail ? { detail: detail as Prisma.InputJsonObject } : {}) },
  });
}

const COLUMNS =
  'id, event, outcome, reason, tenant, subject, client, agent_chain, service, actor_type, actor_id, "grant", resource, scopes, request_id, network, detail';

/**
 * The insert for statements of the token path, which append it as one more CTE.
 * `first` is the number of the first parameter; `from` limits it, for example `FROM consumed`.
 */
export function auditInsert(first: number, from = ''): string {
  const types = ['', '', '', '', '', '', '', '::text[]', '', '', '', '', '', '::text[]', '', '', '::jsonb'];
  const values = types.map((type, index) => `$${first + index}${type || '::text'}`).join(', ');
  return `INSERT INTO audit_records (${COLUMNS}) SELECT ${values} ${from}`;
}

/** A statement that writes one record, and answers a row exactly when it did. */
export interface AuditedStatement extends QueryConfig {
  /** The record; whoever observes the trail is told of it by this member. */
  readonly record: AuditRow;
}

/** A statement of the token path, whose last parameters are those of `auditInsert`; `values` are the ones before. */
export function auditedStatement(
  statement: { readonly name: string; readonly text: string; readonly values: readonly unknown[] },
  entry: AuditEntry,
  cause: Cause,
): AuditedStatement {
  const record = toRow(entry, cause);
  return { ...statement, values: [...statement.values, ...valuesOf(record)], record };
}

const INSERT = auditInsert(1);

/**
 * The same by a connection, in the transaction that it is in; by the pool for what changes nothing else in the
 * store, such as a refusal.
 *
 * @throws as `recordAudit`.
 */
export async function recordAuditOn(
  connection: Pick<Pool | PoolClient, 'query'>,
  entry: AuditEntry,
  cause: Cause,
): Promise<void> {
  await connection.query(auditedStatement({ name: 'audit-record', text: INSERT, values: [] }, entry, cause));
}

/**
 * The same in a store of an older version, whose table has only some of the columns: `columns` names those that
 * there are.
 *
 * @throws as `recordAudit`.
 */
export async function recordAuditInOlderStore(
  connection: Pick<Pool, 'query'>,
  columns: ReadonlySet<string>,
  entry: AuditEntry,
  cause: Cause,
): Promise<void> {
  const record = toRow(entry, cause);
  const values = valuesOf(record);
  const kept = COLUMNS.split(', ')
    .map((column, index) => ({ column, value: values[index] }))
    .filter(({ column }) => columns.has(column.replaceAll('"', '')));
  const names = kept.map(({ column }) => column).join(', ');
  const places = kept.map((_, index) => `$${index + 1}`).join(', ');
  const statement: AuditedStatement = {
    text: `INSERT INTO audit_records (${names}) VALUES (${places})`,
    values: kept.map(({ value }) => value),
    record,
  };
  await connection.query(statement);
}

/** Writes one row that no observer counts: it repeats what was observed already. */
export async function insertRow(connection: Pick<Pool, 'query'>, row: AuditRow): Promise<void> {
  await connection.query({ name: 'audit-record', text: INSERT, values: [...valuesOf(row)] });
}

/** For so long a store that went away is waited for, to be asked what became of a statement. Milliseconds. */
const PATIENCE = 8_000;
const PAUSE = 100;

const TAKE_PLACE = `${auditInsert(1)} ON CONFLICT (id) DO NOTHING`;
const RECORDED = 'SELECT 1 FROM audit_records WHERE id = $1 AND outcome = $2';

/**
 * Whether a statement whose reply was lost was committed: then its record is there.
 *
 * If it is not, a record of the failure, `otherwise`, takes its place. A statement that is still on its way
 * finds the id in use and fails as a whole, and one that runs is waited for; so what is answered here
 * stays true. A store that is away is waited for, some seconds.
 *
 * @throws whatever the store throws when it stays away: then nobody knows.
 */
export async function wasCommitted(
  pool: Pool,
  { record }: AuditedStatement,
  otherwise: Required<Pick<AuditEntry, 'event' | 'detail'>>,
): Promise<boolean> {
  const failure: AuditRow = {
    ...record,
    event: otherwise.event,
    outcome: 'failed',
    reason: 'store_unavailable',
    detail: otherwise.detail ?? null,
  };
  const takePlace: AuditedStatement = { text: TAKE_PLACE, values: [...valuesOf(failure)], record: failure };
  // The record of the failure may stand there too, when it was its own reply that was lost.
  const found: AuditedStatement = { text: RECORDED, values: [record.id, record.outcome], record };
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    try {
      if ((await pool.query(takePlace)).rowCount === 1) return false;
      return (await pool.query(found)).rowCount === 1;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(PAUSE);
    }
  }
}

/** In the order of `COLUMNS`. */
function valuesOf(row: AuditRow): readonly unknown[] {
  return [
    row.id,
    row.event,
    row.outcome,
    row.reason,
    row.tenant,
    row.subject,
    row.client,
    row.agentChain,
    row.service,
    row.actorType,
    row.actorId,
    row.grant,
    row.resource,
    row.scopes,
    row.requestId,
    row.network,
    row.detail ? JSON.stringify(row.detail) : null,
  ];
}
