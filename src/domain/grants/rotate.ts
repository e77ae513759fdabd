import type { Pool } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import { hashSecret } from '../../kernel/ids.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

import { OLDEST_VERSION } from './derivation.ts';
import { LOCK_LIVING_GRANT } from './living.ts';
import type { PresentedRefreshToken } from './presented.ts';

const ROTATE = `
  WITH locked AS MATERIALIZED (${LOCK_LIVING_GRANT}), consumed AS (
    UPDATE refresh_tokens t SET used_at = now(), secret_version = $5, used_from = $6 FROM locked
    WHERE t.token_hash = $1 AND t.grant_id = locked.id AND t.used_at IS NULL AND t.expires_at > now()
      AND LEAST(CASE WHEN t.generation > 0 THEN t.derived_version END, $5) >= ${OLDEST_VERSION}
      AND locked.scopes @> $7::text[]
    RETURNING t.grant_id, t.generation, locked.client_id, locked.expires_at
  ), succeeded AS (
    INSERT INTO refresh_tokens
      (token_hash, grant_id, client_id, generation, secret_version, derived_version, expires_at)
    SELECT $3, consumed.grant_id, consumed.client_id, consumed.generation + 1, 0, $5,
           LEAST(now() + make_interval(secs => $4), consumed.expires_at)
    FROM consumed
    RETURNING grant_id
  ), audited AS (${auditInsert(8, 'FROM succeeded')})
  SELECT grant_id FROM succeeded`;

/**
 * Rotates: consumes the presented generation, keeps the hash of the next and records it, in one
 * atomic statement that locks the grant first. The row count decides the winner.
 *
 * `scopes` are those of the access token that was signed for it: the grant must still hold each of them.
 *
 * Returns false when another refresh, a revocation or a narrowing of the grant was faster, or the derivation secret was
 * dropped; then nothing happened.
 */
export async function rotateRefreshToken(
  pool: Pool,
  token: PresentedRefreshToken,
  successor: { readonly value: string; readonly secretVersion: number; readonly idleLifetime: number },
  scopes: readonly string[],
  audit: AuditEntry,
  cause: Cause,
): Promise<boolean> {
  const { id: grantId } = token.grant;
  const { value, idleLifetime, secretVersion } = successor;
  const usedFrom = cause.network ?? null;
  const values = [token.hash, grantId, hashSecret(value), idleLifetime, secretVersion, usedFrom, scopes];
  const statement = auditedStatement({ name: 'rotate-refresh-token', text: ROTATE, values }, audit, cause);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}
