import type { Pool } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

/**
 * Marks a grant of which three generations in a row, `$2` among them, were repeated from another network than they
 * were used from. At most once an hour for one grant.
 */
const SUSPECT = `
  WITH marked AS (
    UPDATE grants g SET replay_suspected_at = now()
    WHERE g.id = $1 AND (g.replay_suspected_at IS NULL OR g.replay_suspected_at < now() - interval '1 hour')
      AND EXISTS (
        SELECT 1 FROM generate_series($2::int - 2, $2::int) AS first
        WHERE 3 = (SELECT count(*) FROM refresh_tokens t WHERE t.grant_id = g.id AND t.repeated_elsewhere
                   AND t.generation BETWEEN first AND first + 2))
    RETURNING g.id
  ), audited AS (${auditInsert(3, 'FROM marked')})
  SELECT id FROM marked`;

/**
 * Raises `refresh.replay_suspected` when repetitions from another network follow the rotations of a grant: a thief who
 * follows the owner looks like that, and so does a client with two exits, so the grant lives on. Returns whether it was raised.
 */
export async function suspectReplay(
  pool: Pool,
  { grantId, generation }: { readonly grantId: string; readonly generation: number },
  audit: Omit<AuditEntry, 'event' | 'outcome'>,
  cause: Cause,
): Promise<boolean> {
  const entry: AuditEntry = { ...audit, event: 'refresh.replay_suspected', outcome: 'success' };
  const values = [grantId, generation];
  const statement = auditedStatement({ name: 'suspect-replay', text: SUSPECT, values }, entry, cause);
  return (await runStatement(pool, statement)).rowCount === 1;
}
