import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { FETCH_TIMEOUT } from '../create.ts';
import { FetchRefused } from '../errors.ts';
import type { Fetched, GuardedFetch, GuardedRequest } from '../fetch.ts';
import { failAtFixedTime } from '../fixed-time.ts';

import { type FreshnessBounds, freshnessOf } from './freshness.ts';
import { createCopyStore, type Known } from './store.ts';

/** How something was had that was not fresh: from its address, by a copy past its time, or not at all. */
export type CopyOutcome = 'fetched' | 'stale' | 'failed';

export interface Copies {
  /**
   * What is published at a URL. `admit` is asked before a fetch of what nobody has a good copy of, and
   * throws when that would be too much.
   *
   * @throws {FetchRefused} when it cannot be had and there is no copy that may stand in for it.
   */
  get(url: string, options?: { readonly admit?: () => Promise<void> }): Promise<Buffer>;
  /**
   * The same for who finds that a fresh copy lacks something: it is asked for anew, but not again within ten
   * seconds, by all processes together. Otherwise, and when that fails, it is what is kept.
   *
   * @throws {FetchRefused} as `get`.
   */
  getAnew(url: string): Promise<Buffer>;
  /** What is kept under this SHA-256, of whatever URL. */
  findByHash(hash: Buffer): Promise<Buffer | undefined>;
}

interface Deps {
  readonly pool: Pool;
  readonly fetch: GuardedFetch;
  /** A word of its own for each use. */
  readonly kind: string;
  readonly request: GuardedRequest;
  readonly fresh: FreshnessBounds;
  /** Answers what is kept of it. What it throws makes the whole fetch a failure, and a `detail` of that its reason. */
  readonly read: (url: string, fetched: Fetched) => Buffer | Promise<Buffer>;
  /** Is told of each that was asked for. */
  readonly asked?: ((outcome: CopyOutcome) => void) | undefined;
}

/** Seconds after a failure in which the same URL is not asked again. */
const COOLDOWN = 10;
/** Seconds after its time for which the last good copy may stand in for one that cannot be had. */
const STALE = 3_600;
/** Milliseconds that a new copy is waited for where there is an old one. */
const PATIENCE = 1_500;
/** Milliseconds between two looks at what another process fetches. */
const LOOK = 100;

/**
 * Copies of what others publish, shared by all processes: fetched when somebody needs one and none is
 * fresh, by one process at a time and once for all who wait. A failure is nobody's answer: it is not kept,
 * for a moment the URL is left alone, and meanwhile the last good copy stands. Bad content is a failure.
 */
export function createCopies({ pool, fetch, kind, request, fresh, read, asked = () => {} }: Deps): Copies {
  const timeout = request.timeoutMs ?? FETCH_TIMEOUT;
  const store = createCopyStore(pool, {
    stale: STALE,
    cooldown: COOLDOWN,
    claim: Math.ceil(timeout / 1000) + 1,
  });
  const underWay = new Map<string, Promise<Buffer>>();
  /** Somebody asks for leave to fetch; ends when that is answered, either way. */
  const asking = new Map<string, Promise<void>>();

  return {
    async get(url, { admit = async () => {} } = {}) {
      const known = await store.find({ kind, url });
      if (known?.fresh && known.content) return known.content;
      const old = known?.usable ? known.content : undefined;
      try {
        if (known?.cooling !== undefined) throw new FetchRefused(known.cooling);
        return await (old ? inTime(renew(url)) : renewWithLeave(url, admit));
      } catch (error) {
        asked(old ? 'stale' : 'failed');
        if (!old) throw error;
        return old;
      }
    },

    async getAnew(url) {
      try {
        return await renew(url, { anew: true });
      } catch (error) {
        const known = await store.find({ kind, url });
        asked(known?.usable ? 'stale' : 'failed');
        if (!known?.usable || !known.content) throw error;
        return known.content;
      }
    },

    findByHash: (hash) => store.findByHash(kind, hash),
  };

  /**
   * The same where leave is needed, which only whoever begins it asks for: to wait costs nothing. Who is refused
   * leaves it to the next, because they may come from somewhere else.
   */
  async function renewWithLeave(url: string, admit: () => Promise<void>): Promise<Buffer> {
    for (;;) {
      const already = underWay.get(url);
      if (already !== undefined) return already;
      const other = asking.get(url);
      if (other === undefined) break;
      await other;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    asking.set(url, promise);
    try {
      await admit();
      return renew(url);
    } finally {
      asking.delete(url);
      resolve();
    }
  }

  /** One for all of this process who wait. */
  function renew(url: string, { anew = false } = {}): Promise<Buffer> {
    const already = underWay.get(url);
    if (already !== undefined) return already;
    const renewing = fetchOrWait(url, anew).finally(() => underWay.delete(url));
    underWay.set(url, renewing);
    return renewing;
  }

  async function fetchOrWait(url: string, anew: boolean): Promise<Buffer> {
    for (;;) {
      if (await store.claim({ kind, url }, { anew })) return fetchAndKeep(url);
      const known = await waitForOther(url);
      if (known?.fresh && known.content) return known.content;
      if (known?.cooling !== undefined) throw new FetchRefused(known.cooling);
    }
  }

  async function waitForOther(url: string): Promise<Known | undefined> {
    for (;;) {
      const known = await store.find({ kind, url });
      if (!known?.claimed) return known;
      await delay(LOOK);
    }
  }

  async function fetchAndKeep(url: string): Promise<Buffer> {
    const { content, freshFor } = await failAtFixedTime(timeout, () => fetchAndRead(url)).catch(
      async (error: unknown) => {
        const detail = detailOf(error);
        if (detail === 'busy') await store.release({ kind, url });
        else await store.fail({ kind, url }, detail);
        throw error;
      },
    );
    await store.keep({ kind, url }, content, freshFor);
    asked('fetched');
    return content;
  }

  async function fetchAndRead(url: string) {
    const fetched = await fetch(url, request);
    return { content: await read(url, fetched), freshFor: freshnessOf(fetched.headers, fresh, new Date()) };
  }
}

/** Fails when it takes longer than somebody waits who could do without; it goes on for the next one. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = delay(PATIENCE, undefined, { signal: timer.signal }).then(() => {
    throw new FetchRefused('late');
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    work.catch(() => {});
    late.catch(() => {});
    timer.abort();
  }
}

/** Why a fetch failed, in words for the trail; a failure without such words is one of ours. */
function detailOf(error: unknown): string {
  const { detail } = error as { readonly detail?: unknown };
  return typeof detail === 'string' ? detail.replace(/[^\x20-\x7e]/g, '?').slice(0, 300) : 'failed';
}
