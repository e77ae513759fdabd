import type { Pool } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert, recordAuditEach } from '../audit/index.ts';

import { forgetConsents } from './consent.ts';
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
  cause: Cause,
): Promise<boolean> {
  const audit: AuditEntry = { event: 'grant.revoked', outcome: 'success', ...entry, reason, grant: grantId };
  const values = [grantId, reason];
  const statement = auditedStatement({ name: 'revoke-grant', text: REVOKE, values }, audit, cause);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}

/** Which access to end: all of a person, all of a person for one client, or one grant (of that person, where named). */
export type AccessSelector =
  | { readonly userId: string; readonly clientId?: string | undefined }
  | { readonly grantId: string; readonly userId?: string | undefined };

/** How much ended. */
export interface EndedAccess {
  readonly grants: number;
  readonly consents: number;
}

const FIND = `
  SELECT g.user_id AS "userId", g.client_id AS "clientId", g.resource_id AS "resourceId"
  FROM grants g JOIN clients c ON c.id = g.client_id
  WHERE g.id = $1 AND ${notEnded('c')} AND ($2::text IS NULL OR g.user_id = $2)`;

const REVOKE_MANY = `
  UPDATE grants g SET revoked_at = now(), revoked_reason = $1 FROM clients c
  WHERE c.id = g.client_id AND ${notEnded('c')} AND ($2::text IS NULL OR g.user_id = $2)
    AND ($3::text IS NULL OR g.client_id = $3) AND ($4::text IS NULL OR g.id = $4)
  RETURNING g.id AS "grant", g.tenant_id AS tenant, g.user_id AS subject, g.client_id AS client`;

/**
 * Ends access in the name of its owner or an administrator: revokes the grants and deletes the remembered
 * consent that would give them back without asking. The only place that decides which consent that is:
 *
 * - all of a person: every remembered consent of that person, of clients without a living grant too;
 * - one client of a person: every remembered consent for that client;
 * - one grant: the remembered consent of its person for its client at its resource.
 *
 * Runs in the transaction of the act, with one audit record for each grant and each consent.
 */
export async function endAccess(
  tx: Prisma.TransactionClient,
  selector: AccessSelector,
  reason: RevocationReason,
  cause: Cause,
): Promise<EndedAccess> {
  const entry = { event: 'grant.revoked', outcome: 'success', reason } as const;
  if (!('grantId' in selector)) {
    const { userId, clientId } = selector;
    const values = [reason, userId, clientId ?? null, null];
    const grants = await recordAuditEach(tx, { text: REVOKE_MANY, values }, entry, cause);
    return { grants, consents: await forgetConsents(tx, { userId, clientId }, reason, cause) };
  }
  const { grantId, userId } = selector;
  const found = await tx.$queryRawUnsafe<{ userId: string; clientId: string; resourceId: string }[]>(
    FIND,
    grantId,
    userId ?? null,
  );
  const [grant] = found;
  if (!grant) return { grants: 0, consents: 0 };
  const values = [reason, grant.userId, null, grantId];
  const grants = await recordAuditEach(tx, { text: REVOKE_MANY, values }, entry, cause);
  return { grants, consents: await forgetConsents(tx, grant, reason, cause) };
}

/**
 * Ends every grant of a client, inside the transaction of the act that ends them. Returns their number.
 *
 * A client may have a million: `cutOffClient` describes how they end, and the limit of the count. Raising
 * the client's epoch ends remembered consent too.
 */
export function revokeGrantsOf(
  tx: Prisma.TransactionClient,
  { clientId }: { readonly clientId: string },
  reason: RevocationReason,
  cause: Cause,
): Promise<number> {
  return cutOffClient(tx, clientId, reason, cause);
}
