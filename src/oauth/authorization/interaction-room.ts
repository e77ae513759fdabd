import type { Pool } from 'pg';

import { prefixShare, widestPrefix } from '../../kernel/network.ts';

/** Prefixes that a count lists, the largest first. No more than these can hold a quarter of a share or more. */
const LISTED_PREFIXES = 100;

const COUNT = `
  SELECT network, count(*)::int AS held, (sum(count(*)) OVER ())::int AS total
  FROM interactions GROUP BY network ORDER BY held DESC LIMIT ${LISTED_PREFIXES}`;
const EVICT = `
  DELETE FROM interactions WHERE id_hash = (
    SELECT id_hash FROM interactions WHERE network = $1 AND consumed_at IS NULL
    ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED)`;
/** Prefixes that are tried before there is no room. */
const MAX_EVICTION_ATTEMPTS = 3;

/** How long a count is used; what this process adds in that time is added to it. */
const COUNT_AGE_MS = 1_000;

/** The outcome of asking for room: what is full; or, when nothing is, what ends the request. */
export type Entered =
  | { readonly full: 'network' | 'all' }
  | {
      readonly full: 'none';
      /** Says whether the request left an interaction behind. */
      readonly end: (waits: boolean) => void;
    };

/** Room for authorizations that wait for a person. */
export interface InteractionRoom {
  enter(address: string): Promise<Entered>;
}

/**
 * Keeps the interactions within `max`, and those of each widest prefix (IPv4 /24, IPv6 /48) within its share.
 *
 * When `max` is reached, the oldest interaction of the largest prefix makes room, so that a flood evicts its own.
 */
export function createInteractionRoom(pool: Pool, max: number): InteractionRoom {
  const share = prefixShare(max);
  /** Of the latest count. */
  let held = new Map<string, number>();
  let total = 0;
  /** What a prefix that is not listed may hold. */
  let unlisted = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  /** Interactions that this process added since that count. */
  let added = new Map<string, number>();
  let addedInAll = 0;
  /** Requests of this process that may still add one. */
  const underWay = new Map<string, number>();
  let underWayInAll = 0;
  let counting: Promise<void> | undefined;

  async function count(): Promise<void> {
    const before = new Map(added);
    const beforeInAll = addedInAll;
    const { rows } = await pool.query<{ network: string | null; held: number; total: number }>({
      name: 'state-count',
      text: COUNT,
    });
    held = new Map(rows.map(({ network, held: number }) => [network ?? '', number]));
    total = rows[0]?.total ?? 0;
    unlisted = rows.length < LISTED_PREFIXES ? 0 : (rows.at(-1)?.held ?? 0);
    const since = [...added].map(([prefix, number]) => [prefix, number - (before.get(prefix) ?? 0)] as const);
    added = new Map(since.filter(([, number]) => number !== 0));
    addedInAll -= beforeInAll;
    countedAt = performance.now();
  }

  const heldBy = (prefix: string) =>
    (held.get(prefix) ?? unlisted) + (added.get(prefix) ?? 0) + (underWay.get(prefix) ?? 0);

  function add(prefix: string, number: 1 | -1): void {
    addedInAll += number;
    added.set(prefix, (added.get(prefix) ?? 0) + number);
  }

  function begin(prefix: string): () => void {
    underWayInAll += 1;
    underWay.set(prefix, (underWay.get(prefix) ?? 0) + 1);
    return () => {
      underWayInAll -= 1;
      const left = (underWay.get(prefix) ?? 1) - 1;
      if (left === 0) underWay.delete(prefix);
      else underWay.set(prefix, left);
    };
  }

  function largestPrefix(): string | undefined {
    let largest: string | undefined;
    for (const prefix of new Set([...held.keys(), ...added.keys()])) {
      const isLarger = largest === undefined || heldBy(prefix) > heldBy(largest);
      // Rows of before the migration name no network.
      if (prefix !== '' && heldBy(prefix) > 0 && isLarger) largest = prefix;
    }
    return largest;
  }

  /** Deletes the oldest interaction of the largest prefix, except where it was answered already. */
  async function evict(): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_EVICTION_ATTEMPTS; attempt += 1) {
      const prefix = largestPrefix();
      if (prefix === undefined) return false;
      add(prefix, -1);
      const { rowCount } = await pool.query({ name: 'state-evict', text: EVICT, values: [prefix] });
      if (rowCount === 1) return true;
      // Its rows are gone, or were answered: only the next count knows more.
      addedInAll += 1;
      held.delete(prefix);
      added.delete(prefix);
      countedAt = Number.NEGATIVE_INFINITY;
    }
    return false;
  }

  return {
    async enter(address) {
      const prefix = widestPrefix(address);
      if (performance.now() - countedAt > COUNT_AGE_MS) {
        counting ??= count().finally(() => {
          counting = undefined;
        });
        await counting;
      }
      if (heldBy(prefix) >= share) return { full: 'network' };
      if (total + addedInAll + underWayInAll >= max && !(await evict())) return { full: 'all' };
      const done = begin(prefix);
      return {
        full: 'none',
        end: (waits) => {
          done();
          if (waits) add(prefix, 1);
        },
      };
    },
  };
}
