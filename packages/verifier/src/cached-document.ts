import { type Fetch, fetchJson } from './fetch-json.ts';

interface Deps<T> {
  readonly url: () => string | Promise<string>;
  /** Throws for a document that is not what it should be; the last good one is then kept. */
  readonly parse: (json: unknown) => T;
  readonly fetch: Fetch;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A remote JSON document that is kept, renewed and, when its sender is out, still answered. */
export interface CachedDocument<T> {
  /**
   * The document. Waits for a fetch only when there is none yet or it is past its lifetime, and
   * shortly after a failed fetch not even then. Throws the last failure when there is nothing to
   * answer with.
   */
  read(): Promise<T>;
  /** Asks for the document now, in one fetch for all who ask meanwhile; false when that failed. */
  refresh(): Promise<boolean>;
}

const MIN_LIFETIME_MS = 30_000;
const MAX_LIFETIME_MS = 24 * 3_600_000;
const DEFAULT_LIFETIME_MS = 300_000;
/** How long a document outlives its lifetime while its sender cannot be reached. */
const MAX_STALE_MS = 24 * 3_600_000;
/** The pause after a failed fetch. */
const RETRY_MS = 5_000;

/**
 * Keeps a document for as long as its sender says, but at least 30 seconds and at most 24 hours.
 *
 * In the last fifth of its lifetime it is renewed behind the reader's back, so that with steady
 * traffic nobody waits. A reader who finds it expired does wait: a key that was withdrawn must not
 * verify one more token because the server had been idle.
 */
export function createCachedDocument<T>({ url, parse, fetch, now }: Deps<T>): CachedDocument<T> {
  let copy: { readonly value: T; readonly renewAt: number; readonly freshUntil: number } | undefined;
  let pending: Promise<boolean> | undefined;
  let retryAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;

  async function load(): Promise<boolean> {
    try {
      const { json, maxAge } = await fetchJson(await url(), fetch);
      const asked = maxAge === undefined ? DEFAULT_LIFETIME_MS : maxAge * 1000;
      const lifetime = Math.min(Math.max(asked, MIN_LIFETIME_MS), MAX_LIFETIME_MS);
      copy = { value: parse(json), renewAt: now() + lifetime * 0.8, freshUntil: now() + lifetime };
      return true;
    } catch (error) {
      failure = error;
      retryAt = now() + RETRY_MS;
      return false;
    }
  }

  function refresh(): Promise<boolean> {
    pending ??= load().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  return {
    refresh,

    async read() {
      const at = now();
      if (copy !== undefined && at < copy.renewAt) return copy.value;
      if (at >= retryAt) {
        const renewed = refresh();
        if (copy === undefined || at >= copy.freshUntil) await renewed;
      }
      if (copy !== undefined && at < copy.freshUntil + MAX_STALE_MS) return copy.value;
      throw failure;
    },
  };
}
