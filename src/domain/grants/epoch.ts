import type { PoolClient } from 'pg';

import { patiently } from '../../platform/database/index.ts';
import { notEnded } from './living.ts';

const LIVING = `
  SELECT count(*)::int AS living FROM grants g JOIN clients c ON c.id = g.client_id
  WHERE ${notEnded('c')} AND g.activated_at IS NOT NULL AND g.expires_at > now()`;

const FORGET = ['DELETE FROM consents', 'DELETE FROM interactions'];

/**
 * Ends every grant that there is, in one step whatever their number: what hangs on a grant of an earlier epoch
 * (a code, a refresh token, an access token that is asked about) is dead. Answers the new epoch, and how many
 * connections ended. Runs in the transaction of its audit record.
 *
 * It is for the moment when it cannot be known any more what was revoked: the store was put back to an
 * earlier state. Remembered consent goes too, because who had ended a connection would not be asked, and
 * so do authorizations under way.
 */
export async function raiseGrantEpoch(
  client: Pick<PoolClient, 'query'>,
): Promise<{ readonly epoch: number; readonly ended: number }> {
  const { rows: counted } = await patiently<{ living: number }>(client, LIVING);
  const { rows } = await client.query<{ grant_epoch: number }>(
    'UPDATE installation SET grant_epoch = grant_epoch + 1 RETURNING grant_epoch',
  );
  const [row] = rows;
  if (!row) throw new Error('the table installation has lost its row');
  for (const statement of FORGET) await patiently(client, statement);
  return { epoch: row.grant_epoch, ended: counted[0]?.living ?? 0 };
}
