import type { Adapter, KoaContextWithOIDC } from 'oidc-provider';
import Provider, { errors } from 'oidc-provider';
import type { Pool } from 'pg';
import { issueGrant } from '../../../domain/grants/index.ts';
import { byUser } from '../../../kernel/cause.ts';
import { originOf } from '../../../platform/http/index.ts';
import { pendingGrantOf } from '../pending-grant.ts';

import { unused } from './sealed-state.ts';

/**
 * Authorization codes. Saving one is the moment in which an authorization is complete: the grant,
 * the code and the record of both are written together, or none of them.
 *
 * Codes are found and consumed by `oauth/grants`, never through the library.
 */
export function codeAdapter({
  pool,
  codeLifetime,
}: {
  readonly pool: Pool;
  readonly codeLifetime: number;
}): Adapter {
  return {
    async upsert(value, payload) {
      const ctx = Provider.ctx as KoaContextWithOIDC;
      const pending = pendingGrantOf(ctx);
      const { redirectUri, codeChallenge } = payload;
      if (!pending || !redirectUri || !codeChallenge || payload.grantId !== pending.id) {
        throw new Error('a code was saved that belongs to no consent');
      }
      const issued = await issueGrant(
        pool,
        {
          ...pending,
          redirectUri,
          code: { value, codeChallenge, nonce: payload.nonce, lifetime: codeLifetime },
        },
        byUser(pending.userId, originOf(ctx)),
      );
      if (!issued) {
        const gone = 'the account, the client or the server is no longer active';
        throw new errors.AccessDenied(gone, 'party_inactive');
      }
    },

    find: unused,
    consume: unused,
    destroy: unused,
    revokeByGrantId: unused,
    findByUid: unused,
    findByUserCode: unused,
  };
}
