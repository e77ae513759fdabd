import type { Pool } from 'pg';
import type { Origin } from '../../kernel/origin.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert, recordAuditEach } from '../audit/index.ts';

import { cutOffClient } from './cutoff.ts';
import { notEnded } from './living.ts';
import type { RevocationReason } from './revocation-reason.ts';

const REVOKE = `
  WITH ended AS (
    UPDATE grants g SET revoked_at = now(), revoked_reason = $2 FROM clients c
    WHERE g.id = $1 AND c.id = g.client_id AND ${notEnded('c')} RETURNING g.id
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

/** Which grants are to end: all of a client, or those of a person, these, or these if they are that person's. */
export type GrantSelector =
  | { readonly clientId: string }
  | { readonly userId?: string; readonly grantIds?: readonly string[] };

const REVOKE_MANY = `
  UPDATE grants g SET revoked_at = now(), revoked_reason = $1 FROM clients c
  WHERE c.id = g.client_id AND ${notEnded('c')} AND ($2::text IS NULL OR g.user_id = $2)
    AND ($3::text[] IS NULL OR g.id = ANY ($3))
  RETURNING g.id AS "grant", g.tenant_id AS tenant, g.user_id AS subject, g.client_id AS client`;

/**
 * Ends every living grant that matches, inside the transaction of the act that ends them (a person
 * disabled, a client removed), with one record each. Answers how many.
 *
 * A person has few, which end in one statement. A client may have a million: `cutOffClient` says how
 * they end, and how far it counts.
 */
export async function revokeGrantsOf(
  tx: Prisma.TransactionClient,
  selector: GrantSelector,
  reason: RevocationReason,
  origin: Origin,
): Promise<number> {
  if ('clientId' in selector) return cutOffClient(tx, selector.clientId, reason, origin);
  const { userId, grantIds } = selector;
  if (!userId && !grantIds) return 0;
  const values = [reason, userId || null, grantIds ? [...grantIds] : null];
  const entry = { event: 'grant.revoked', outcome: 'success', reason } as const;
  return recordAuditEach(tx, { text: REVOKE_MANY, values }, entry, origin);
}
