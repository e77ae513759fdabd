import type { Pool } from 'pg';

import { type KeyInfo, type KeyState, type PublicJwk, toPublicJwk } from './key.ts';

/** A published key. */
export interface StoredKey {
  readonly publicJwk: PublicJwk;
  readonly state: KeyState;
  /** The private part, sealed; of the current key only. */
  readonly privateSealed: Buffer | undefined;
  /** Seconds that the longest-lived of its tokens lives, as far as the row has been told. */
  readonly tokenLifetime: number;
  /** Whether it is time that it signs. */
  readonly due: boolean;
}

const PUBLISHED = `(state IN ('next', 'current') OR state = 'retired' AND published_until > now())`;
const DUE = `(state = 'next' AND promote_at <= now())`;

const LOAD = `
  SELECT public_jwk, state, token_lifetime, ${DUE} AS due,
    CASE state WHEN 'current' THEN private_sealed END AS private_sealed
  FROM signing_keys WHERE ${PUBLISHED}
  ORDER BY created_at DESC, kid`;

const LIST = `
  SELECT kid, algorithm, state, created_at, ${PUBLISHED} AS published, ${DUE} AS due,
    CASE state WHEN 'current' THEN promoted_at WHEN 'retired' THEN retired_at
      WHEN 'revoked' THEN revoked_at ELSE created_at END AS since,
    CASE state WHEN 'next' THEN promote_at WHEN 'retired' THEN published_until END AS until
  FROM signing_keys ORDER BY created_at DESC, kid`;

/** What of a retired key's tokens was still unknown when it was retired prolongs its publication. */
const RAISE = `
  UPDATE signing_keys SET token_lifetime = $2::int,
    published_until = published_until + make_interval(secs => $2::int - token_lifetime)
  WHERE kid = $1 AND token_lifetime < $2::int`;

/** Every key that a verifier may need: next, current, and retired ones whose tokens may live. */
export async function loadPublishedKeys(pool: Pool): Promise<readonly StoredKey[]> {
  const { rows } = await pool.query<{
    public_jwk: Record<string, unknown>;
    state: KeyState;
    private_sealed: Buffer | null;
    token_lifetime: number;
    due: boolean;
  }>({ name: 'keys-published', text: LOAD });
  return rows.map((row) => ({
    publicJwk: toPublicJwk(row.public_jwk),
    state: row.state,
    privateSealed: row.private_sealed ?? undefined,
    tokenLifetime: row.token_lifetime,
    due: row.due,
  }));
}

/** Every key there ever was, newest first. */
export async function listKeys(pool: Pool): Promise<readonly (KeyInfo & { readonly due: boolean })[]> {
  const { rows } = await pool.query<{
    kid: string;
    algorithm: string;
    state: KeyState;
    since: Date;
    until: Date | null;
    created_at: Date;
    published: boolean;
    due: boolean;
  }>({ name: 'keys-list', text: LIST });
  return rows.map(({ created_at: createdAt, until, ...key }) => ({
    ...key,
    until: until ?? undefined,
    createdAt,
  }));
}

/** Tells the row how long tokens live that this process is about to sign with the key, in seconds. */
export async function raiseTokenLifetime(pool: Pool, kid: string, seconds: number): Promise<void> {
  await pool.query({ text: RAISE, values: [kid, seconds] });
}
