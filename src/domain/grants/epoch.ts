import type { PoolClient } from 'pg';

/** Everything that was to outlive the moment only for somebody who is already known. */
const FORGET = ['DELETE FROM consents', 'DELETE FROM interactions'];

/**
 * Ends every grant that there is, in one step whatever their number, and answers the new epoch: whatever
 * hangs on a grant of an earlier one (a code, a refresh token, an access token that is asked about) is dead.
 *
 * It is for the moment when it cannot be known any more what was revoked: the store was put back to an
 * earlier state. Remembered consent goes too, because who had ended a connection would not be asked, and
 * so do authorizations under way.
 */
export async function raiseGrantEpoch(client: Pick<PoolClient, 'query'>): Promise<number> {
  const { rows } = await client.query<{ grant_epoch: number }>(
    'UPDATE installation SET grant_epoch = grant_epoch + 1 RETURNING grant_epoch',
  );
  const [row] = rows;
  if (!row) throw new Error('the table installation has lost its row');
  for (const statement of FORGET) await client.query(statement);
  return row.grant_epoch;
}
