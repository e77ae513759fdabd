/**
 * Audit: one record for every security action, committed in the transaction of the action.
 *
 * Owns the closed list of events and the shape of a record. A caller inside a Prisma transaction
 * uses `recordAudit`; the token path, which is one prepared statement, appends `auditInsert` as a
 * further CTE, so that neither can commit without the other.
 *
 * Does not own: what happened (the domain that acted says it), or who may read it (the doors).
 */

export { AUDIT_EVENTS, type AuditEvent, type AuditOutcome } from './events.ts';
export { type AuditQuery, type AuditRecord, listAudit } from './list.ts';
export type { AuditEntry } from './record.ts';
export { type AuditWriter, auditInsert, auditValues, recordAudit } from './store.ts';
