import type { Pool, PoolClient } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import { transaction } from '../../platform/database/index.ts';
import { recordAuditOn } from '../audit/index.ts';
import { endEveryRegistrationToken } from '../clients/index.ts';
import { forgetEveryAttempt } from '../credentials/index.ts';
import { raiseGrantEpoch } from '../grants/index.ts';
import { forgetEveryLink } from '../links/index.ts';
import { endEverySession } from '../sessions/index.ts';

/** What ended. */
export interface EndedAccess {
  /** The epoch of the grants that are made from now on. */
  readonly epoch: number;
  /** Connections that were alive. */
  readonly grants: number;
  readonly sessions: number;
}

/**
 * Ends whatever opens something without somebody proving who they are: every grant with its tokens, every
 * session, remembered consent, every initial access token, and what is under way. Works inside the transaction of its audit record.
 */
export async function endAllAccess(client: PoolClient): Promise<EndedAccess> {
  // Of a large store each of these takes longer than a request's statement may.
  await client.query(`SET LOCAL statement_timeout = '15min'`);
  const { epoch, ended: grants } = await raiseGrantEpoch(client);
  const sessions = await endEverySession(client);
  await forgetEveryAttempt(client);
  await forgetEveryLink(client);
  await endEveryRegistrationToken(client);
  return { epoch, grants, sessions };
}

/** `endAllAccess` with its record, for a store that other tools have put back to an earlier state. */
export function revokeAllGrants(pool: Pool, cause: Cause): Promise<EndedAccess> {
  return transaction(pool, async (client) => {
    const ended = await endAllAccess(client);
    const detail = { grant_epoch: ended.epoch, grants: ended.grants, sessions: ended.sessions };
    await recordAuditOn(client, { event: 'grant.all_revoked', outcome: 'success', detail }, cause);
    return ended;
  });
}
