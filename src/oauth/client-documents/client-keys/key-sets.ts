import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';

import {
  type AssertionAlgorithm,
  keyFits,
  MAX_KEY_SET,
  type PublicKey,
  readPublishedKeys,
} from '../../../domain/clients/index.ts';
import { type CopyOutcome, createCopies, type GuardedFetch } from '../../../platform/fetch/index.ts';

/** What the header of an assertion asks for. */
export interface WantedKey {
  readonly alg: AssertionAlgorithm;
  readonly kid: string | undefined;
}

/**
 * The keys at a `jwks_uri`, with the wanted one among them if it can be had.
 *
 * @throws an error with a `detail`, for the audit trail, when there are none; what the store throws when it is away.
 */
export type KeySets = (url: string, wanted: WantedKey) => Promise<readonly PublicKey[]>;

/** Milliseconds; a request of the client waits for it. */
const TIMEOUT = 3_000;
/** Seconds for which a key set is kept, whatever its headers say: so long a withdrawn key may be accepted. */
const FRESH = { min: 300, max: 3600 };
/** Milliseconds for which a process takes its word for it, and spends no statement on a request. */
const REMEMBERED = 30_000;
/** The same for a key that was looked for in vain. */
const MISSED = 250;
/** How many key sets a process remembers. */
const MAX_REMEMBERED = 500;

interface Remembered {
  readonly keys: readonly PublicKey[];
  /** When it was read, and when a key was last looked for in vain; of a clock that never goes back. */
  readonly readAt: number;
  readonly missedAt: number;
}

/**
 * The key sets that clients publish, by the copies that all processes share: fetched when one is no longer
 * fresh, and once more when it lacks the key that an assertion names, since clients rotate. A flood of
 * unknown keys is worth one fetch per cooldown.
 *
 * A fresh copy stands for all that the client signs in the meantime, and for an hour one that cannot be
 * renewed: an outage of the client's publisher shall not end its connections.
 */
export function createKeySets({
  pool,
  fetch,
  timeout = TIMEOUT,
  now = () => performance.now(),
  asked,
}: {
  readonly pool: Pool;
  readonly fetch: GuardedFetch;
  /** Milliseconds, if it is less than ours. */
  readonly timeout?: number;
  readonly now?: () => number;
  /** Is told how each was had that was not fresh. */
  readonly asked?: (outcome: CopyOutcome) => void;
}): KeySets {
  const memory = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED });
  const copies = createCopies({
    pool,
    fetch,
    kind: 'client_keys',
    request: {
      accept: ['application/json', 'application/*+json'],
      maxBytes: MAX_KEY_SET,
      timeoutMs: Math.min(timeout, TIMEOUT),
    },
    fresh: FRESH,
    read: (_url, { body }) => {
      readPublishedKeys(body);
      return body;
    },
    asked,
  });

  return async (url, wanted) => {
    const known = memory.get(url);
    if (known && now() < known.missedAt + MISSED) return known.keys;
    if (known && now() < known.readAt + REMEMBERED && has(known.keys, wanted)) return known.keys;
    const kept = readPublishedKeys(await copies.get(url));
    if (has(kept, wanted)) return remember(url, kept);
    const anew = readPublishedKeys(await copies.getAnew(url));
    return remember(url, anew, { missed: !has(anew, wanted) });
  };

  function remember(url: string, keys: readonly PublicKey[], { missed = false } = {}): readonly PublicKey[] {
    memory.set(url, { keys, readAt: now(), missedAt: missed ? now() : Number.NEGATIVE_INFINITY });
    return keys;
  }
}

function has(keys: readonly PublicKey[], wanted: WantedKey): boolean {
  return keys.some((key) => keyFits(key, wanted));
}
