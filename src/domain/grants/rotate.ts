import type { Pool } from 'pg';

import { hashSecret } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import { hmac } from '../../platform/crypto/seal.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

import { LOCK_LIVING_GRANT } from './living.ts';
import type { PresentedRefreshToken } from './presented.ts';

/** The secret that successors are derived with; its version stands beside the used predecessor. */
export interface DerivationSecret {
  readonly version: number;
  readonly key: Buffer;
}

/**
 * The successor of a refresh token: HMAC-SHA256 over predecessor and generation.
 *
 * Derived and never stored, so that a lost response can be repeated with the same successor, and
 * so that a copy of the database yields no token. Without the secret it is as hard to guess as a
 * random value of 256 bits.
 */
export function successorOf(predecessor: string, generation: number, secret: DerivationSecret): string {
  return hmac(secret.key, 'refresh successor', predecessor, String(generation + 1));
}

const ROTATE = `
  WITH locked AS MATERIALIZED (${LOCK_LIVING_GRANT}), consumed AS (
    UPDATE refresh_tokens t SET used_at = now(), secret_version = $5 FROM locked
    WHERE t.token_hash = $1 AND t.grant_id = locked.id AND t.used_at IS NULL AND t.expires_at > now()
    RETURNING t.grant_id, t.generation, locked.client_id, locked.expires_at
  ), succeeded AS (
    INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, expires_at)
    SELECT $3, consumed.grant_id, consumed.client_id, consumed.generation + 1, 0,
           LEAST(now() + make_interval(secs => $4), consumed.expires_at)
    FROM consumed
    RETURNING grant_id
  ), audited AS (${auditInsert(6, 'FROM succeeded')})
  SELECT grant_id FROM succeeded`;

/**
 * Rotates: consumes the presented generation, keeps the hash of the next and records it, in one
 * atomic statement that locks the grant first. The row count decides the winner.
 *
 * Answers false when another refresh, or a revocation, was faster; then nothing happened.
 */
export async function rotateRefreshToken(
  pool: Pool,
  token: PresentedRefreshToken,
  successor: { readonly value: string; readonly secretVersion: number; readonly idleLifetime: number },
  audit: AuditEntry,
  origin: Origin,
): Promise<boolean> {
  const { id: grantId } = token.grant;
  const { value, idleLifetime, secretVersion } = successor;
  const values = [token.hash, grantId, hashSecret(value), idleLifetime, secretVersion];
  const statement = auditedStatement({ name: 'rotate-refresh-token', text: ROTATE, values }, audit, origin);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}

const REPLAY = `
  WITH locked AS MATERIALIZED (${LOCK_LIVING_GRANT}), repeatable AS (
    SELECT locked.id FROM locked
    JOIN refresh_tokens t ON t.grant_id = locked.id AND t.token_hash = $1
    JOIN refresh_tokens s ON s.grant_id = locked.id AND s.generation = t.generation + 1
    WHERE t.used_at > now() - make_interval(secs => $3) AND s.used_at IS NULL AND s.expires_at > now()
    FOR SHARE OF s
  ), audited AS (${auditInsert(4, 'FROM repeatable')})
  SELECT id FROM repeatable`;

/**
 * Confirms, under the grant's lock, that a used token may still have its successor repeated: within
 * `grace` seconds, while the successor is unused. Records the replay. Answers false otherwise.
 *
 * The successor's row is locked too, because only what is locked is looked at again after waiting:
 * it may have been used in the meantime.
 */
export async function replayRefreshToken(
  pool: Pool,
  token: PresentedRefreshToken,
  grace: number,
  audit: AuditEntry,
  origin: Origin,
): Promise<boolean> {
  const values = [token.hash, token.grant.id, grace];
  const statement = auditedStatement({ name: 'replay-refresh-token', text: REPLAY, values }, audit, origin);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}
