import type { Pool } from 'pg';
import type { Origin } from '../../kernel/origin.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert, recordAuditEach } from '../audit/index.ts';

import { NOT_ENDED } from './living.ts';

/** Why a grant ended; also the `reason` of its audit record. */
export type RevocationReason =
  | 'ended_by_user'
  | 'ended_by_administrator'
  | 'revoked_by_client'
  | 'code_reused'
  | 'refresh_reused'
  | 'token_in_foreign_hands'
  | 'user_disabled'
  | 'client_removed';

const REVOKE = `
  WITH ended AS (
    UPDATE grants g SET revoked_at = now(), revoked_reason = $2 WHERE g.id = $1 AND ${NOT_ENDED} RETURNING g.id
  ), audited AS (${auditInsert(3, 'FROM ended')})
  SELECT id FROM ended`;

/**
 * Ends one grant with its record, in one statement. From its commit on no token of the grant is
 * minted, refreshed or introspected as active. Answers whether it was alive.
 */
export async function revokeGrant(
  pool: Pool,
  grantId: string,
  reason: RevocationReason,
  entry: Omit<AuditEntry, 'event' | 'outcome' | 'reason' | 'grant'> &
    Partial<Pick<AuditEntry, 'event' | 'outcome'>>,
  origin: Origin,
): Promise<boolean> {
  const audit: AuditEntry = { event: 'grant.revoked', outcome: 'success', ...entry, reason, grant: grantId };
  const values = [grantId, reason];
  const statement = auditedStatement({ name: 'revoke-grant', text: REVOKE, values }, audit, origin);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}

/** Whose grants are to end: all of a person, all of a client, or one client of one person. */
export interface GrantSelector {
  readonly userId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly grantIds?: readonly string[] | undefined;
}

const REVOKE_MANY = `
  UPDATE grants g SET revoked_at = now(), revoked_reason = $1
  WHERE ${NOT_ENDED} AND ($2::text IS NULL OR g.user_id = $2) AND ($3::text IS NULL OR g.client_id = $3)
    AND ($4::text[] IS NULL OR g.id = ANY ($4))
  RETURNING g.id AS "grant", g.tenant_id AS tenant, g.user_id AS subject, g.client_id AS client`;

/**
 * Ends every living grant that matches, inside the transaction of the act that ends them (a person
 * disabled, a client removed), with one record each, in one statement whatever their number. Answers
 * how many.
 */
export async function revokeGrantsOf(
  tx: Prisma.TransactionClient,
  { userId, clientId, grantIds }: GrantSelector,
  reason: RevocationReason,
  origin: Origin,
): Promise<number> {
  if (!userId && !clientId && !grantIds) return 0;
  const values = [reason, userId || null, clientId || null, grantIds ? [...grantIds] : null];
  const entry = { event: 'grant.revoked', outcome: 'success', reason } as const;
  return recordAuditEach(tx, { text: REVOKE_MANY, values }, entry, origin);
}
