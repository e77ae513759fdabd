import type { Pool } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import { hashSecret } from '../../kernel/ids.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

import { type DerivationSecret, MAX_GENERATIONS_BEHIND, OLDEST_VERSION, successorOf } from './derivation.ts';
import { LOCK_LIVING_GRANT } from './living.ts';
import type { PresentedRefreshToken } from './presented.ts';

/** Times that one used refresh token is answered again within the grace period. */
export const MAX_REPETITIONS = 16;

/**
 * Locks the newest generation before it is looked at: a rotation that was committed while this statement waited for
 * the grant is seen then, and the statement finds no leaf.
 */
const REPEAT = `
  WITH locked AS MATERIALIZED (${LOCK_LIVING_GRANT}), newest AS MATERIALIZED (
    SELECT s.generation, s.token_hash, s.used_at, s.expires_at, locked.scopes
    FROM locked, LATERAL (
      SELECT * FROM refresh_tokens WHERE grant_id = locked.id ORDER BY generation DESC LIMIT 1 FOR SHARE
    ) s
  ), counted AS (
    UPDATE refresh_tokens t SET repetitions = t.repetitions + 1,
      repeated_elsewhere = t.repeated_elsewhere OR $4::boolean
    FROM newest leaf
    WHERE t.token_hash = $1 AND t.grant_id = $2 AND t.used_at > now() - make_interval(secs => $3)
      AND leaf.used_at IS NULL AND leaf.expires_at > now()
      AND t.repetitions < ${MAX_REPETITIONS} AND t.secret_version >= ${OLDEST_VERSION}
      AND leaf.generation - t.generation <= ${MAX_GENERATIONS_BEHIND} AND leaf.scopes @> $5::text[]
    RETURNING t.generation, leaf.generation AS leaf_generation, leaf.token_hash AS leaf_hash
  ), audited AS (${auditInsert(6, 'FROM counted')})
  SELECT leaf_hash, ARRAY(
    SELECT s.secret_version FROM refresh_tokens s
    WHERE s.grant_id = $2 AND s.generation >= counted.generation AND s.generation < counted.leaf_generation
    ORDER BY s.generation) AS versions
  FROM counted`;

/** The way from a used refresh token to the leaf of its family. */
export interface PathToLeaf {
  /** Versions of the derivation secret, one for each generation from the presented one to the leaf. */
  readonly versions: readonly number[];
  /** SHA-256 of the leaf. */
  readonly leafHash: Buffer;
}

/**
 * Counts and records one repetition of a used token, under the lock of its grant, and returns the way to the current
 * leaf. At most `MAX_REPETITIONS` for one token, within `grace` seconds of its first use. `elsewhere`: the request comes
 * from another network than the use. `scopes` are those of the access token that was signed for it: the grant must still
 * hold each of them.
 *
 * Returns undefined when the database does not allow it, or the family was rotated or its grant narrowed since it was
 * read; then nothing happened.
 */
export async function repeatRefreshToken(
  pool: Pool,
  token: PresentedRefreshToken,
  {
    grace,
    elsewhere,
    scopes,
  }: { readonly grace: number; readonly elsewhere: boolean; readonly scopes: readonly string[] },
  audit: AuditEntry,
  cause: Cause,
): Promise<PathToLeaf | undefined> {
  const values = [token.hash, token.grant.id, grace, elsewhere, scopes];
  const statement = auditedStatement({ name: 'repeat-refresh-token', text: REPEAT, values }, audit, cause);
  const { rows } = await runStatement<{ leaf_hash: Buffer; versions: number[] }>(pool, statement);
  const [path] = rows;
  return path && { versions: path.versions, leafHash: path.leaf_hash };
}

/**
 * Derives the leaf of a family from an earlier token, generation by generation.
 *
 * @throws Error when a version of the secret is missing, or what was derived is not the leaf.
 */
export async function deriveLeaf(
  { value, generation }: { readonly value: string; readonly generation: number },
  { versions, leafHash }: PathToLeaf,
  byVersion: (version: number) => Promise<DerivationSecret | undefined>,
): Promise<string> {
  let leaf = value;
  let secret: DerivationSecret | undefined;
  for (const [index, version] of versions.entries()) {
    if (secret?.version !== version) secret = await byVersion(version);
    if (!secret) throw new Error(`derivation secret ${version} is missing`);
    leaf = successorOf(leaf, generation + index, secret);
  }
  if (!hashSecret(leaf).equals(leafHash))
    throw new Error('the derived refresh token is not the leaf of its family');
  return leaf;
}
