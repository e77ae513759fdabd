import type { Pool } from 'pg';
import type { Prisma } from '../../platform/database/generated/client.ts';

import { type KeyInfo, type KeyState, type PublicJwk, toPublicJwk } from './key.ts';

/** How long a retired key is published beyond the life of its last token: clocks, and caches of the JWKS. */
const SKEW_SECONDS = 300;

/** Serializes everything that makes or moves a signing key, in all processes. */
const KEYS_LOCK = 4_610_101;

/** A published key, its private part still sealed. */
export interface StoredKey {
  readonly publicJwk: PublicJwk;
  readonly state: KeyState;
  readonly privateSealed: Buffer;
}

const PUBLISHED = `(state <> 'retired' OR retired_at > now() - make_interval(secs => $1::int + ${SKEW_SECONDS}))`;

const LOAD = `
  SELECT public_jwk, private_sealed, state FROM signing_keys WHERE ${PUBLISHED}
  ORDER BY created_at DESC, kid`;

const LIST = `
  SELECT kid, algorithm, state, created_at, retired_at, ${PUBLISHED} AS published
  FROM signing_keys ORDER BY created_at DESC, kid`;

/** Every key that a verifier may still need: next, current, and retired ones whose tokens may live. */
export async function loadPublishedKeys(pool: Pool, tokenLifetime: number): Promise<readonly StoredKey[]> {
  const { rows } = await pool.query<{
    public_jwk: Record<string, unknown>;
    private_sealed: Buffer;
    state: KeyState;
  }>({ name: 'keys-published', text: LOAD, values: [tokenLifetime] });
  return rows.map((row) => ({
    publicJwk: toPublicJwk(row.public_jwk),
    state: row.state,
    privateSealed: row.private_sealed,
  }));
}

/** Every key there ever was, newest first. */
export async function listKeys(pool: Pool, tokenLifetime: number): Promise<readonly KeyInfo[]> {
  const { rows } = await pool.query<{
    kid: string;
    algorithm: string;
    state: KeyState;
    created_at: Date;
    retired_at: Date | null;
    published: boolean;
  }>({ name: 'keys-list', text: LIST, values: [tokenLifetime] });
  return rows.map((row) => ({
    kid: row.kid,
    algorithm: row.algorithm,
    state: row.state,
    createdAt: row.created_at,
    retiredAt: row.retired_at ?? undefined,
    published: row.published,
  }));
}

/** Waits for its turn among all processes; held to the end of the transaction. */
export async function lockKeys(tx: Prisma.TransactionClient): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${KEYS_LOCK})`;
}

export async function findCurrentKid(tx: Prisma.TransactionClient): Promise<string | undefined> {
  return (await tx.signingKey.findFirst({ where: { state: 'current' }, select: { kid: true } }))?.kid;
}

export async function retireKey(tx: Prisma.TransactionClient, kid: string): Promise<void> {
  // The database's own time, which also judges how long the key stays published.
  await tx.$executeRaw`UPDATE signing_keys SET state = 'retired', retired_at = now() WHERE kid = ${kid}`;
}

export async function insertCurrentKey(
  tx: Prisma.TransactionClient,
  publicJwk: PublicJwk,
  privateSealed: Buffer,
): Promise<void> {
  await tx.signingKey.create({
    data: {
      kid: publicJwk.kid,
      algorithm: publicJwk.alg,
      publicJwk: { ...publicJwk },
      privateSealed: new Uint8Array(privateSealed),
      state: 'current',
    },
  });
}
