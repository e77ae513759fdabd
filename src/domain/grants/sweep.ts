import type { Pool } from 'pg';

/** Rows taken in one statement, so that no request waits for a long one. */
const BATCH = 1000;
/** Batches of one kind in one round, so that it ends. */
const MAX_BATCHES = 200;

/** Rows that a statement of ours leaves behind once nobody can use them; each by its own index. */
const SWEEPS = [
  // A promise whose code was never redeemed, a while after the code could have been.
  `DELETE FROM grants WHERE id IN (
     SELECT g.id FROM grants g JOIN authorization_codes a ON a.grant_id = g.id
     WHERE g.activated_at IS NULL AND a.expires_at < now() - interval '1 hour' LIMIT ${BATCH})`,
  // A spent code is kept for a day, so that its reuse is noticed.
  `DELETE FROM authorization_codes WHERE code_hash IN (
     SELECT code_hash FROM authorization_codes WHERE expires_at < now() - interval '1 day' LIMIT ${BATCH})`,
  `DELETE FROM refresh_tokens WHERE token_hash IN (
     SELECT token_hash FROM refresh_tokens WHERE expires_at < now() - interval '1 day' LIMIT ${BATCH})`,
  `DELETE FROM revoked_access_tokens WHERE jti IN (
     SELECT jti FROM revoked_access_tokens WHERE expires_at < now() - interval '1 hour' LIMIT ${BATCH})`,
  `DELETE FROM used_identifiers WHERE hash IN (
     SELECT hash FROM used_identifiers WHERE expires_at < now() - interval '1 hour' LIMIT ${BATCH})`,
  // A remembered consent past its time, which no authorization reads.
  `DELETE FROM consents WHERE id IN (
     SELECT id FROM consents WHERE expires_at < now() LIMIT ${BATCH})`,
  `DELETE FROM client_cutoffs WHERE settled_at < now() - interval '1 day'`,
  `DELETE FROM interactions WHERE id_hash IN (
     SELECT id_hash FROM interactions WHERE expires_at < now() LIMIT ${BATCH})`,
];

/**
 * Deletes what has expired and can be of no more use, batch by batch; answers how many rows.
 * A used refresh token is a tombstone until it would have expired: until then its reuse must be noticed.
 */
export async function sweepGrants(pool: Pool): Promise<number> {
  let swept = 0;
  for (const statement of SWEEPS) {
    for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
      const deleted = (await pool.query(statement)).rowCount ?? 0;
      swept += deleted;
      if (deleted < BATCH) break;
    }
  }
  return swept;
}
