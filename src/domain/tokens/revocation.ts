import type { Pool } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type DocumentMode, standingOf, trustOf } from '../admission/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';
import type { TrustLevel } from '../authority/index.ts';
import { livingGrant } from '../grants/index.ts';

const ALIVE = `
  SELECT r.id AS resource, g.scopes, c.registration, ${standingOf('c', 'g.tenant_id')} AS standing ${livingGrant(1)}
    AND to_timestamp($3) > now() AND NOT EXISTS (SELECT 1 FROM revoked_access_tokens x WHERE x.jti = $2)`;

/** What an access token that still counts rests on. */
export interface Backing {
  /** `res_…`, of the resource that its grant is for. */
  readonly resourceId: string;
  /** What its grant holds now, which may be less than the token says. */
  readonly scopes: readonly string[];
}

/**
 * Whether an access token, whose signature was checked, is still backed: it has not expired by the store's
 * clock, its grant, user, client and resource live, and it was not revoked by itself. `undefined` when it is not.
 */
export async function findBacking(
  pool: Pool,
  token: { readonly grantId: string; readonly jti: string; readonly exp: number },
  documents: DocumentMode,
): Promise<Backing | undefined> {
  const { rows } = await pool.query<{
    resource: string;
    scopes: string[];
    registration: string;
    standing: TrustLevel | null;
  }>({
    name: 'access-token-backing',
    text: ALIVE,
    values: [token.grantId, token.jti, token.exp],
  });
  const [found] = rows;
  if (!found) return undefined;
  const { resource, scopes, registration, standing } = found;
  const trust = trustOf(documents, { registration, standing: standing ?? undefined });
  return trust === 'blocked' ? undefined : { resourceId: resource, scopes };
}

const REVOKE_ACCESS_TOKEN = `
  WITH revoked AS (
    INSERT INTO revoked_access_tokens (jti, expires_at) SELECT $1, to_timestamp($2) WHERE to_timestamp($2) > now()
    ON CONFLICT (jti) DO NOTHING RETURNING jti
  ), audited AS (${auditInsert(3, 'FROM revoked')})
  SELECT jti FROM revoked`;

/**
 * Revokes one access token, which is kept in mind until it would have expired (RFC 7009 §2.1).
 * The grant lives on: revoking one of two things must not disturb the other.
 */
export async function revokeAccessToken(
  pool: Pool,
  token: { readonly jti: string; readonly exp: number },
  audit: AuditEntry,
  cause: Cause,
): Promise<void> {
  const values = [token.jti, token.exp];
  await runStatement(
    pool,
    auditedStatement({ name: 'revoke-access-token', text: REVOKE_ACCESS_TOKEN, values }, audit, cause),
  );
}
