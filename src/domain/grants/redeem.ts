import type { Pool } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import { hashSecret } from '../../kernel/ids.ts';
import { isStoreUnavailable, runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert, wasCommitted } from '../audit/index.ts';

import { LOCK_LIVING_GRANT, notEnded } from './living.ts';
import type { PresentedCode } from './presented.ts';
import { endWidened, SUPERSESSION } from './supersede.ts';

/** The first generation of a refresh family, if the client gets one. */
export interface FirstRefreshToken {
  readonly value: string;
  /** Seconds it lives without use. */
  readonly idleLifetime: number;
}

const REDEEM = `
  WITH locked AS MATERIALIZED (${LOCK_LIVING_GRANT}), consumed AS (
    UPDATE authorization_codes a SET used_at = now() FROM locked
    WHERE a.code_hash = $1 AND a.grant_id = locked.id AND a.used_at IS NULL AND a.expires_at > now()
      AND clock_timestamp() < $5
    RETURNING a.grant_id
  ), activated AS (
    UPDATE grants g SET activated_at = now(), (supersedes_at, widens) = (${SUPERSESSION})
    FROM consumed WHERE g.id = consumed.grant_id
    RETURNING g.id, g.client_id, g.expires_at, g.widens
  ), refreshed AS (
    INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, expires_at)
    SELECT $3, activated.id, activated.client_id, 0, 0,
           LEAST(now() + make_interval(secs => $4), activated.expires_at)
    FROM activated WHERE $3::bytea IS NOT NULL
    RETURNING grant_id
  ), audited AS (${auditInsert(6, 'FROM activated')})
  SELECT id, widens FROM activated`;

/**
 * A redemption that the store comes to later than so many milliseconds after the code was read does not happen:
 * a store that stood still must not spend, when it goes on, what nobody waits for any more. Longer than a
 * statement is waited for, and shorter than its outcome is asked for.
 */
const TIMELY = 15_000;

/** The record of a redemption that failed because the store went away. */
const NOT_ISSUED = { event: 'token.rejected', detail: { grant_type: 'authorization_code' } } as const;

/**
 * Redeems a code: consumes it, activates its grant, starts the refresh family and records it,
 * in one atomic statement that locks the grant first. The row count decides the winner. Older connections of
 * the same program in the same browser session are replaced then, and not before: the statement marks the new grant, and
 * locks no other. The one that a step-up widens ends right after it.
 *
 * Answers false when another redemption or a revocation was faster, or the store too slow; then
 * nothing happened. When the reply of the store is lost, the record tells whether it happened, as soon as the store can be
 * asked: to the client, a code that was spent by an error of ours would look like one that was stolen.
 */
export async function redeemCode(
  pool: Pool,
  code: PresentedCode,
  refresh: FirstRefreshToken | undefined,
  audit: AuditEntry,
  cause: Cause,
): Promise<boolean> {
  const values = [
    code.hash,
    code.grant.id,
    refresh ? hashSecret(refresh.value) : null,
    refresh?.idleLifetime ?? 0,
    new Date(code.grant.asOf.getTime() + TIMELY),
  ];
  const statement = auditedStatement({ name: 'redeem-code', text: REDEEM, values }, audit, cause);
  let redeemed: { readonly widens: string | null } | undefined;
  try {
    [redeemed] = (await runStatement<{ widens: string | null }>(pool, statement)).rows;
  } catch (error) {
    if (isStoreUnavailable(error) && (await wasCommitted(pool, statement, NOT_ISSUED))) return true;
    throw error;
  }
  if (!redeemed) return false;
  if (redeemed.widens !== null) await endWidened(pool, code.grant, redeemed.widens, cause);
  return true;
}

const REDEEMABLE = `
  SELECT 1 FROM authorization_codes a
  JOIN grants g ON g.id = a.grant_id JOIN clients c ON c.id = g.client_id
  WHERE a.code_hash = $1 AND a.used_at IS NULL AND a.expires_at > now() AND ${notEnded('c')}`;

/** Returns whether a code was neither redeemed nor spent, has not expired, and belongs to a grant that did not end. */
export async function isCodeRedeemable(pool: Pool, code: string): Promise<boolean> {
  const statement = { name: 'code-redeemable', text: REDEEMABLE, values: [hashSecret(code)] };
  return (await pool.query(statement)).rowCount === 1;
}

const SPEND = `
  WITH spent AS (
    UPDATE authorization_codes SET used_at = now() WHERE code_hash = $1 AND used_at IS NULL RETURNING code_hash
  ), audited AS (${auditInsert(2, 'FROM spent')})
  SELECT code_hash FROM spent`;

/**
 * Spends a code that was presented and refused, with the record of the refusal.
 *
 * A code is spent by the first redemption that names it, right or wrong: whoever guesses at a
 * stolen code has one try (RFC 6749 §10.5, stricter). Answers false when another redemption was
 * faster; then nothing happened, and this one is a reuse.
 */
export async function spendCode(pool: Pool, hash: Buffer, audit: AuditEntry, cause: Cause): Promise<boolean> {
  const statement = auditedStatement({ name: 'spend-code', text: SPEND, values: [hash] }, audit, cause);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}
