import type { Pool } from 'pg';

import type { PublicKey } from '../../domain/clients/index.ts';

/** Seconds after which a fetch that has not ended is given up by everybody else; longer than any fetch takes. */
const FETCH_AT_MOST = 6;

/** The copy of one published key set that all processes share. */
export interface StoredKeySet {
  /** The last good ones; `undefined` while there were never any. */
  readonly keys: readonly PublicKey[] | undefined;
  /** Seconds for which they are fresh, by the database's clock; negative when they are not any more. */
  readonly freshFor: number;
  /** Why the last fetch gave none; `undefined` when it did. */
  readonly failure: string | undefined;
  /** Whether some process is fetching at this moment. */
  readonly underWay: boolean;
}

interface Row {
  readonly keys: PublicKey[] | null;
  readonly fresh_for: number | null;
  readonly failure: string | null;
  readonly under_way: boolean;
}

const READ = `
  SELECT keys, failure, EXTRACT(EPOCH FROM fresh_until - now())::float8 AS fresh_for,
         (settled_at IS NULL OR settled_at < attempted_at)
           AND attempted_at > now() - make_interval(secs => ${FETCH_AT_MOST}) AS under_way
  FROM client_key_sets WHERE url = $1`;

/** The shared copy; `undefined` when nobody ever asked for this URL. */
export async function readKeySet(pool: Pool, url: string): Promise<StoredKeySet | undefined> {
  const { rows } = await pool.query<Row>({ name: 'key-set-read', text: READ, values: [url] });
  const row = rows[0];
  return (
    row && {
      keys: row.keys ?? undefined,
      freshFor: row.fresh_for ?? Number.NEGATIVE_INFINITY,
      failure: row.failure ?? undefined,
      underWay: row.under_way,
    }
  );
}

const CLAIM = `
  INSERT INTO client_key_sets (url, attempted_at) VALUES ($1, now())
  ON CONFLICT (url) DO UPDATE SET attempted_at = now()
  WHERE client_key_sets.attempted_at <= now() - make_interval(secs => $2)`;

/** Whether this process may fetch now: of all processes one, and none for `cooldown` seconds after it began. */
export async function claimFetch(pool: Pool, url: string, cooldown: number): Promise<boolean> {
  const { rowCount } = await pool.query({ name: 'key-set-claim', text: CLAIM, values: [url, cooldown] });
  return rowCount === 1;
}

const KEEP = `
  UPDATE client_key_sets SET keys = $2, fetched_at = now(), settled_at = now(), failure = NULL,
         fresh_until = now() + make_interval(secs => $3)
  WHERE url = $1`;

/** Keeps what was fetched, fresh for so many seconds. */
export async function keepKeySet(
  pool: Pool,
  url: string,
  { keys, lifetime }: { readonly keys: readonly PublicKey[]; readonly lifetime: number },
): Promise<void> {
  await pool.query({ name: 'key-set-keep', text: KEEP, values: [url, JSON.stringify(keys), lifetime] });
}

const FAIL = 'UPDATE client_key_sets SET settled_at = now(), failure = $2 WHERE url = $1';

/** Notes that a fetch gave nothing; what was there before stays. */
export async function noteFailure(pool: Pool, url: string, failure: string): Promise<void> {
  await pool.query({ name: 'key-set-fail', text: FAIL, values: [url, failure] });
}
