import type { Pool } from 'pg';

import type { Origin } from '../../kernel/origin.ts';
import { runStatement } from '../../platform/database/index.ts';
import { auditedStatement, auditInsert } from '../audit/index.ts';

import type { PublicJwk } from './key.ts';

/** Of processes that start together, the index of keys in turn lets one in. */
const KEEP = `
  WITH made AS (
    INSERT INTO signing_keys
      (kid, algorithm, public_jwk, private_sealed, state, token_lifetime, created_at, promote_at, promoted_at)
    SELECT $1::text, $2::text, $3::jsonb, $4::bytea, 'current', $5::int, now(), now(), now()
    WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE state = 'current')
    ON CONFLICT DO NOTHING
    RETURNING kid
  ), audited AS (${auditInsert(6, 'FROM made')})
  SELECT kid FROM made`;

/**
 * Keeps a new key as the one that signs, where there is none that does. One statement, and without Prisma,
 * since a very first start waits for it.
 *
 * @param key `tokenLifetime` in seconds, of the longest-lived token.
 */
export async function keepFirstKey(
  pool: Pool,
  key: { readonly publicJwk: PublicJwk; readonly privateSealed: Buffer; readonly tokenLifetime: number },
  origin: Origin,
): Promise<void> {
  const { publicJwk, privateSealed, tokenLifetime } = key;
  const { kid, alg: algorithm } = publicJwk;
  const values = [kid, algorithm, JSON.stringify(publicJwk), privateSealed, tokenLifetime];
  const audit = { event: 'key.created', outcome: 'success', detail: { kid, algorithm } } as const;
  await runStatement(pool, auditedStatement({ name: 'keep-first-key', text: KEEP, values }, audit, origin));
}
