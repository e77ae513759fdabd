import { createHash } from 'node:crypto';
import { type Adapter, errors } from 'oidc-provider';
import type { Pool } from 'pg';

import { runStatement } from '../../../platform/database/index.ts';

import { ASSERTION_LIFETIME, ASSERTION_SKEW } from '../../token/client-assertion.ts';

import { unused } from './sealed-state.ts';

const USE = `
  INSERT INTO used_identifiers (hash, purpose, expires_at) VALUES ($1, 'assertion', now() + make_interval(secs => $2))
  ON CONFLICT (hash) DO NOTHING`;

/** Seconds. What would have to be remembered for longer was refused before (RFC 7523 §3). */
const MAX_LIFETIME = ASSERTION_LIFETIME + 2 * ASSERTION_SKEW;
/** Seconds, so that whoever's clock is behind does not accept what the database has forgotten. */
const MARGIN = 2 * ASSERTION_SKEW;

/**
 * Identifiers of client assertions, each accepted once by the database. The library asks `find` and
 * then writes; here the write itself decides, so that of two parallel replays one is refused (RFC 7523 §3).
 */
export function replayAdapter({ pool }: { readonly pool: Pool }): Adapter {
  return {
    async find() {
      return undefined;
    },
    async upsert(id, _payload, expiresIn) {
      if (expiresIn === undefined || !(expiresIn <= MAX_LIFETIME))
        throw new errors.InvalidClientAuth('assertion_lifetime');
      const hash = createHash('sha256').update(id).digest();
      const { rowCount } = await runStatement(pool, {
        name: 'use-identifier',
        text: USE,
        values: [hash, expiresIn + MARGIN],
      });
      if (rowCount !== 1) throw new errors.InvalidClientAuth('assertion_replayed');
    },
    consume: unused,
    destroy: unused,
    revokeByGrantId: unused,
    findByUid: unused,
    findByUserCode: unused,
  };
}
