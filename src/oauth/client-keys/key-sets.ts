import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';

import { type AssertionAlgorithm, keyFits, type PublicKey } from '../../domain/clients/index.ts';
import { FetchRefused, type GuardedFetch } from '../../platform/fetch/index.ts';

import { fetchKeys } from './fetch-keys.ts';
import { claimFetch, keepKeySet, noteFailure, readKeySet, type StoredKeySet } from './store.ts';

/** What the header of an assertion asks for. */
export interface WantedKey {
  readonly alg: AssertionAlgorithm;
  readonly kid: string | undefined;
}

/** A client's published keys, or why there are none. `why` is for the audit trail. */
export type FoundKeys =
  | { readonly ok: true; readonly keys: readonly PublicKey[] }
  | { readonly ok: false; readonly why: string };

/**
 * The keys at a `jwks_uri`, with the wanted one among them if it can be had.
 *
 * @throws when the store is away.
 */
export type KeySets = (url: string, wanted: WantedKey) => Promise<FoundKeys>;

/** Seconds from one fetch of a URL to the next, whatever asks for it and in whatever process. */
const COOLDOWN = 10;
/** Seconds for which keys that are no longer fresh stand in while their publisher cannot be reached. */
const STALE = 3600;
/** Milliseconds after a look in vain at the shared copy in which it is not looked at again. */
const PAUSE = 250;
/** Milliseconds between two looks at a fetch of another process, and how many there are. */
const LOOK = { every: 100, times: 60 };
/** How many key sets a process remembers. */
const MAX_REMEMBERED = 500;

/** What this process knows of a set. Times are milliseconds of a clock that never goes back. */
interface Remembered {
  readonly keys: readonly PublicKey[];
  readonly freshUntil: number;
  /** When the shared copy was last looked at in vain: it was not fresh, or without the wanted key. */
  readonly missedAt: number;
}

/**
 * The key sets that clients publish, fetched seldom: the copy is shared by all processes in the
 * database, which decides who fetches.
 *
 * A key that is not in it is worth one more fetch, since clients rotate; a flood of unknown ones is
 * worth one per cooldown. While a set is fresh and has the key, no statement is spent on it. When a
 * fetch fails the last good copy stands for an hour: an outage of the client's publisher shall not end
 * its connections, and is no way to keep a withdrawn key for longer.
 */
export function createKeySets({
  pool,
  fetch,
  now = () => performance.now(),
  asked = () => undefined,
}: {
  readonly pool: Pool;
  readonly fetch: GuardedFetch;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
  /** Is told how each set was had that this process set out to fetch. */
  readonly asked?: (outcome: 'fetched' | 'stale' | 'failed') => void;
}): KeySets {
  const memory = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED });
  const renewals = new Map<string, Promise<FoundKeys>>();

  return (url, wanted) => {
    const known = memory.get(url);
    if (known && isEnough(known, wanted)) return Promise.resolve({ ok: true, keys: known.keys });
    const renewal = renewals.get(url) ?? renew(url, wanted).finally(() => renewals.delete(url));
    renewals.set(url, renewal);
    return renewal;
  };

  function isEnough({ keys, freshUntil, missedAt }: Remembered, wanted: WantedKey): boolean {
    return now() < missedAt + PAUSE || (now() < freshUntil && has(keys, wanted));
  }

  async function renew(url: string, wanted: WantedKey): Promise<FoundKeys> {
    const shared = await readKeySet(pool, url);
    if (shared?.keys && shared.freshFor > 0 && has(shared.keys, wanted)) return remember(url, wanted, shared);
    if (await claimFetch(pool, url, COOLDOWN)) {
      const fetched = await renewShared(url);
      const found = remember(url, wanted, await readKeySet(pool, url));
      asked(fetched ? 'fetched' : found.ok ? 'stale' : 'failed');
      return found;
    }
    return remember(url, wanted, await settled(url, wanted));
  }

  /** Answers whether there was something to keep. */
  async function renewShared(url: string): Promise<boolean> {
    let fetched: Awaited<ReturnType<typeof fetchKeys>>;
    try {
      fetched = await fetchKeys(fetch, url);
    } catch (error) {
      await noteFailure(pool, url, whyOf(error));
      return false;
    }
    await keepKeySet(pool, url, fetched);
    return true;
  }

  /** The shared copy, once nobody is fetching who could bring what is missing in it. */
  async function settled(url: string, wanted: WantedKey): Promise<StoredKeySet | undefined> {
    for (let look = 0; ; look += 1) {
      const shared = await readKeySet(pool, url);
      const missing = !shared?.keys || shared.freshFor < -STALE || !has(shared.keys, wanted);
      if (!missing || !shared?.underWay || look >= LOOK.times) return shared;
      await delay(LOOK.every);
    }
  }

  function remember(url: string, wanted: WantedKey, shared: StoredKeySet | undefined): FoundKeys {
    if (!shared?.keys || shared.freshFor <= -STALE) {
      memory.delete(url);
      return { ok: false, why: shared?.failure ?? 'not fetched yet' };
    }
    const { keys, freshFor } = shared;
    const missed = freshFor <= 0 || !has(keys, wanted);
    memory.set(url, {
      keys,
      freshUntil: now() + freshFor * 1000,
      missedAt: missed ? now() : Number.NEGATIVE_INFINITY,
    });
    return { ok: true, keys };
  }
}

function has(keys: readonly PublicKey[], wanted: WantedKey): boolean {
  return keys.some((key) => keyFits(key, wanted));
}

function whyOf(error: unknown): string {
  return error instanceof FetchRefused ? error.detail : error instanceof Error ? error.message : 'failed';
}
