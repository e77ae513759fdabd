import type { Pool } from 'pg';

/** Records deleted in one statement, so that no other statement waits for a long one. */
const BATCH = 1_000;
/** Batches of one round of housekeeping: 100,000 records a minute. */
const MAX_BATCHES = 100;

/** Finds the oldest records by the index on `time`, and deletes them where they lie: reads no other. */
export const EXPIRE_AUDIT = `
  DELETE FROM audit_records WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM audit_records WHERE time < now() - make_interval(secs => $1) ORDER BY time LIMIT ${BATCH}))`;

/**
 * Deletes audit records that are older than `retentionSeconds`, the oldest first; 0 keeps them for ever.
 * Returns how many were deleted.
 */
export async function expireAudit(pool: Pool, retentionSeconds: number): Promise<number> {
  if (retentionSeconds === 0) return 0;
  let expired = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const { rowCount } = await pool.query(EXPIRE_AUDIT, [retentionSeconds]);
    expired += rowCount ?? 0;
    if ((rowCount ?? 0) < BATCH) break;
  }
  return expired;
}
