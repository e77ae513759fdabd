import type { Pool } from 'pg';

import { transaction } from '../../platform/database/index.ts';

import type { DataKeys } from './data-keys.ts';
import { type KeyInfo, type KeyState, type PublicJwk, toPublicJwk } from './key.ts';
import {
  type AuthenticatedRow,
  authenticateKey,
  isAuthentic,
  PUBLISHED,
  SIGNING_KEY_TEXT,
} from './key-mac.ts';
import { runOn } from './run.ts';

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

const DUE = `(state = 'next' AND promote_at <= now())`;

const LOAD = `
  SELECT public_jwk, state, token_lifetime, ${DUE} AS due, mac, ${SIGNING_KEY_TEXT} AS text,
    CASE state WHEN 'current' THEN private_sealed END AS private_sealed
  FROM signing_keys WHERE ${PUBLISHED}
  ORDER BY created_at DESC, kid`;

const LIST = `
  SELECT kid, algorithm, state, created_at, ${PUBLISHED} AS published, ${DUE} AS due, mac, ${SIGNING_KEY_TEXT} AS text,
    CASE state WHEN 'current' THEN promoted_at WHEN 'retired' THEN retired_at
      WHEN 'revoked' THEN revoked_at ELSE created_at END AS since,
    CASE state WHEN 'next' THEN promote_at WHEN 'retired' THEN published_until END AS until
  FROM signing_keys ORDER BY created_at DESC, kid`;

const LOCK_SHORTER = `
  SELECT mac, ${SIGNING_KEY_TEXT} AS text FROM signing_keys
  WHERE kid = $1 AND token_lifetime < $2::int AND ${PUBLISHED} FOR UPDATE`;

/** What of a retired key's tokens was still unknown when it was retired prolongs its publication. */
const RAISE = `
  UPDATE signing_keys SET token_lifetime = $2::int,
    published_until = published_until + make_interval(secs => $2::int - token_lifetime)
  WHERE kid = $1 AND token_lifetime < $2::int`;

/**
 * Reads every key that a verifier may need: next, current, and retired ones whose tokens may live. Leaves out a row
 * whose MAC does not verify, and calls `onForged` with its key id.
 */
export async function loadPublishedKeys(
  pool: Pool,
  dataKeys: DataKeys,
  onForged: (kid: string) => void,
): Promise<readonly StoredKey[]> {
  const { rows } = await pool.query<
    {
      public_jwk: Record<string, unknown>;
      state: KeyState;
      private_sealed: Buffer | null;
      token_lifetime: number;
      due: boolean;
    } & AuthenticatedRow
  >({ name: 'keys-published', text: LOAD });
  const judged = await Promise.all(rows.map((row) => isAuthentic(dataKeys, row)));
  for (const [n, row] of rows.entries()) if (!judged[n]) onForged(String(row.public_jwk['kid']));
  return rows
    .filter((_row, n) => judged[n])
    .map((row) => ({
      publicJwk: toPublicJwk(row.public_jwk),
      state: row.state,
      privateSealed: row.private_sealed ?? undefined,
      tokenLifetime: row.token_lifetime,
      due: row.due,
    }));
}

/** Every key there ever was, newest first. Published are those whose MAC verifies. */
export async function listKeys(
  pool: Pool,
  dataKeys: DataKeys,
): Promise<readonly (KeyInfo & { readonly due: boolean })[]> {
  const { rows } = await pool.query<
    {
      kid: string;
      algorithm: string;
      state: KeyState;
      since: Date;
      until: Date | null;
      created_at: Date;
      published: boolean;
      due: boolean;
    } & AuthenticatedRow
  >({ name: 'keys-list', text: LIST });
  const judged = await Promise.all(rows.map((row) => row.published && isAuthentic(dataKeys, row)));
  return rows.map(({ created_at: createdAt, until, text: _text, mac: _mac, ...key }, n) => ({
    ...key,
    published: judged[n] === true,
    until: until ?? undefined,
    createdAt,
  }));
}

/** Tells the row how long tokens live that this process is about to sign with the key, in seconds. */
export async function raiseTokenLifetime(
  pool: Pool,
  dataKeys: DataKeys,
  kid: string,
  seconds: number,
): Promise<void> {
  await transaction(pool, async (client) => {
    const run = runOn(client);
    const [row] = await run<AuthenticatedRow>(LOCK_SHORTER, [kid, seconds]);
    if (!row) return;
    const sealer = await dataKeys.within(run);
    // A row that was altered gets no MAC here.
    if (!(await isAuthentic(sealer, row))) return;
    await client.query(RAISE, [kid, seconds]);
    await authenticateKey(run, sealer, kid);
  });
}
