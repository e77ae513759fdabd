import type { Pool } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import { ADVISORY_LOCKS, transaction } from '../../platform/database/index.ts';
import { recordAuditOn } from '../audit/index.ts';

import type { DataKeys } from './data-keys.ts';
import type { PublicJwk } from './key.ts';
import { authenticateKey, revokeForgedKeys } from './key-mac.ts';
import { runOn } from './run.ts';
import { signingKeyPlace } from './sealed-places.ts';

/** Of processes that start together, the index of keys in turn lets one in. */
const KEEP = `
  INSERT INTO signing_keys
    (kid, algorithm, public_jwk, private_sealed, state, token_lifetime, created_at, promote_at, promoted_at)
  SELECT $1::text, $2::text, $3::jsonb, $4::bytea, 'current', $5::int, now(), now(), now()
  WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE state = 'current')
  ON CONFLICT DO NOTHING
  RETURNING kid`;

/**
 * Keeps a new key as the one that signs, where there is none that does. One transaction, and without Prisma,
 * since a very first start waits for it.
 *
 * @param key `tokenLifetime` in seconds, of the longest-lived token.
 */
export async function keepFirstKey(
  pool: Pool,
  dataKeys: DataKeys,
  key: { readonly publicJwk: PublicJwk; readonly pkcs8: Buffer; readonly tokenLifetime: number },
  cause: Cause,
): Promise<void> {
  const { publicJwk, pkcs8, tokenLifetime } = key;
  const { kid, alg: algorithm } = publicJwk;
  await transaction(pool, async (client) => {
    const run = runOn(client);
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.signingKeys]);
    const sealer = await dataKeys.within(run);
    for (const forged of await revokeForgedKeys(run, sealer)) {
      const detail = { kid: forged };
      await recordAuditOn(
        client,
        { event: 'key.revoked', outcome: 'success', reason: 'not_authentic', detail },
        cause,
      );
    }
    const sealed = sealer.seal(signingKeyPlace(kid), pkcs8);
    const values = [kid, algorithm, JSON.stringify(publicJwk), sealed, tokenLifetime];
    const { rowCount } = await client.query(KEEP, values);
    if (rowCount !== 1) return;
    await authenticateKey(run, sealer, kid);
    await recordAuditOn(
      client,
      { event: 'key.created', outcome: 'success', detail: { kid, algorithm } },
      cause,
    );
  });
}
