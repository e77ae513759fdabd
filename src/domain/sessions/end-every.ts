import type { PoolClient } from 'pg';

import { patiently } from '../../platform/database/index.ts';

/** Ends the sessions of everybody, in the transaction of an act that is recorded once for all; answers how many. */
export async function endEverySession(client: Pick<PoolClient, 'query'>): Promise<number> {
  const { rowCount } = await patiently(
    client,
    'UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND expires_at > now()',
  );
  return rowCount ?? 0;
}
