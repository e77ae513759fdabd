/**
 * Audit: one record for every security action, committed in the transaction of the action.
 *
 * Owns the closed list of events and the shape of a record. A caller inside a Prisma transaction
 * uses `recordAudit`; the token path, which is one prepared statement, appends `auditInsert` as a
 * further CTE and runs as an `auditedStatement`, so that neither can commit without the other. Where there is
 * a connection and no Prisma, and for what changes nothing else, there is `recordAuditOn`. What a request without
 * authentication causes goes through the `AnonymousRecorder`, which bounds the rows that it writes.
 *
 *     the action ──▶ record, same transaction ──▶ commit ──▶ observeAudit ──▶ whoever counts
 *
 * Does not own: what happened (the domain that acted says it), or who may read it (the doors).
 */

export { type AnonymousRecorder, createAnonymousRecorder } from './anonymous.ts';
export { type ActionOnMany, recordAuditEach } from './each.ts';
export { AUDIT_EVENTS, type AuditEvent, type AuditOutcome } from './events.ts';
export { EXPIRE_AUDIT, expireAudit } from './expire.ts';
export { type AuditQuery, type AuditRecord, listAudit } from './list.ts';
export { type AuditObserver, observeAudit } from './observe.ts';
export type { AuditEntry } from './record.ts';
export {
  type AuditedStatement,
  type AuditWriter,
  auditedStatement,
  auditInsert,
  recordAudit,
  recordAuditInOlderStore,
  recordAuditOn,
  wasCommitted,
} from './store.ts';
export {
  type Attempt,
  findAttempts,
  type StageOutcome,
  type StageState,
  type TraceStage,
  type TraceSubject,
} from './trace/index.ts';
