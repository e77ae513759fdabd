import type { Pool } from 'pg';

/** How many copies and failures are remembered in all; with more, failures go before copies, and those that were tried longest ago first. */
const MAX_COPIES = 5_000;
/** How many go at once. */
const EVICTED = 100;

/** Which copy. */
export interface CopyKey {
  readonly kind: string;
  readonly url: string;
}

/** What is known of a URL, judged by the database's clock. */
export interface Known {
  readonly content: Buffer | undefined;
  /** It need not be asked for again. */
  readonly fresh: boolean;
  /** It may stand in for one that cannot be had. */
  readonly usable: boolean;
  /** Why the last fetch failed, while it is not to be tried again. */
  readonly cooling: string | undefined;
  /** Somebody is fetching it. */
  readonly claimed: boolean;
}

const FIND = `
  SELECT content, fresh_until > now() AS fresh,
    fresh_until > now() - make_interval(secs => $3) AS usable,
    CASE WHEN failed_at > now() - make_interval(secs => $4) THEN failure END AS cooling,
    claimed_until > now() AS claimed
  FROM web_copies WHERE kind = $1 AND url = $2`;

/**
 * Has a commit not wait for the disk: what is lost in a crash is who was fetching, or that a fetch failed, and it
 * is fetched again. Whoever asks for much that fails keeps nobody else's commits waiting.
 */
const NOT_DURABLE = `set_config('synchronous_commit', 'off', true) = 'off'`;

/** One of those who find it stale, or lacking something for a while, may fetch it: the row decides. */
const CLAIM = `
  INSERT INTO web_copies AS w (kind, url, claimed_until)
  SELECT $1, $2, now() + make_interval(secs => $3) WHERE ${NOT_DURABLE}
  ON CONFLICT (kind, url) DO UPDATE SET claimed_until = EXCLUDED.claimed_until, tried_at = now()
  WHERE (w.claimed_until IS NULL OR w.claimed_until <= now())
    AND (w.fresh_until IS NULL OR w.fresh_until <= now()
      OR ($5 AND w.tried_at <= now() - make_interval(secs => $4)))
    AND (w.failed_at IS NULL OR w.failed_at <= now() - make_interval(secs => $4))
  RETURNING 1`;

const KEEP = `
  UPDATE web_copies SET content = $3, hash = sha256($3), fetched_at = now(),
    fresh_until = now() + make_interval(secs => $4), failed_at = NULL, failure = NULL, claimed_until = NULL
  WHERE kind = $1 AND url = $2`;

const FAIL = `
  UPDATE web_copies SET failed_at = now(), failure = $3, claimed_until = NULL
  WHERE kind = $1 AND url = $2 AND ${NOT_DURABLE}`;

const RELEASE = 'UPDATE web_copies SET claimed_until = NULL WHERE kind = $1 AND url = $2';

const COUNT = 'SELECT count(*)::int AS count FROM (SELECT 1 FROM web_copies LIMIT $1) AS known';
const EVICT = `
  DELETE FROM web_copies WHERE (kind, url) IN (
    SELECT kind, url FROM web_copies ORDER BY content IS NOT NULL, tried_at LIMIT ${EVICTED} FOR UPDATE SKIP LOCKED)`;

const BY_HASH = 'SELECT content FROM web_copies WHERE kind = $1 AND hash = $2 LIMIT 1';

/** What nobody can use any more: failures that were, and copies that nobody asked for in two days. */
const SWEEP = `
  DELETE FROM web_copies WHERE (kind, url) IN (
    SELECT kind, url FROM web_copies
    WHERE tried_at < now() - interval '2 days' OR (content IS NULL AND tried_at < now() - interval '2 minutes')
    LIMIT 1000)`;

/** The table of copies: one row for each URL, in which all processes meet. Durations are seconds. */
export function createCopyStore(
  pool: Pool,
  times: { readonly stale: number; readonly cooldown: number; readonly claim: number },
) {
  return {
    async find({ kind, url }: CopyKey): Promise<Known | undefined> {
      const { rows } = await pool.query<{
        content: Buffer | null;
        fresh: boolean | null;
        usable: boolean | null;
        cooling: string | null;
        claimed: boolean | null;
      }>({ name: 'web-copy-find', text: FIND, values: [kind, url, times.stale, times.cooldown] });
      const [row] = rows;
      return (
        row && {
          content: row.content ?? undefined,
          fresh: row.fresh ?? false,
          usable: row.content !== null && (row.usable ?? false),
          cooling: row.cooling ?? undefined,
          claimed: row.claimed ?? false,
        }
      );
    },

    /**
     * Whether it is ours to fetch, `anew` also where it is fresh and was not tried in a while; if so, nobody else
     * does for as long as a fetch can take.
     */
    async claim({ kind, url }: CopyKey, { anew }: { readonly anew: boolean }): Promise<boolean> {
      await makeRoom();
      const { rowCount } = await pool.query({
        name: 'web-copy-claim',
        text: CLAIM,
        values: [kind, url, times.claim, times.cooldown, anew],
      });
      return rowCount === 1;
    },

    async keep({ kind, url }: CopyKey, content: Buffer, freshFor: number): Promise<void> {
      await pool.query({ name: 'web-copy-keep', text: KEEP, values: [kind, url, content, freshFor] });
    },

    async fail({ kind, url }: CopyKey, failure: string): Promise<void> {
      await pool.query({ name: 'web-copy-fail', text: FAIL, values: [kind, url, failure] });
    },

    /** Gives a claim back of which nothing came, and nothing was learned. */
    async release({ kind, url }: CopyKey): Promise<void> {
      await pool.query({ name: 'web-copy-release', text: RELEASE, values: [kind, url] });
    },

    async findByHash(kind: string, hash: Buffer): Promise<Buffer | undefined> {
      const { rows } = await pool.query<{ content: Buffer }>({
        name: 'web-copy-by-hash',
        text: BY_HASH,
        values: [kind, hash],
      });
      return rows[0]?.content;
    },
  };

  async function makeRoom(): Promise<void> {
    const { rows } = await pool.query<{ count: number }>({
      name: 'web-copy-count',
      text: COUNT,
      values: [MAX_COPIES],
    });
    if ((rows[0]?.count ?? 0) >= MAX_COPIES) await pool.query({ name: 'web-copy-evict', text: EVICT });
  }
}

/** Deletes copies that are of no more use; answers how many. */
export async function sweepCopies(pool: Pool): Promise<number> {
  return (await pool.query(SWEEP)).rowCount ?? 0;
}
