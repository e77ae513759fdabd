import { LRUCache } from 'lru-cache';

import type { Counter, Usage } from './counter.ts';

interface Window {
  consumed: number;
  readonly endsAt: number;
}

/** Keys of one limiter that are remembered at once; with more, the one untouched for longest is forgotten. */
const MAX_KEYS = 50_000;

/** Counts in this process alone, in bounded memory. */
export function createMemoryCounter(
  seconds: number,
  { maxKeys = MAX_KEYS, now = Date.now }: { readonly maxKeys?: number; readonly now?: () => number } = {},
): Counter {
  const windows = new LRUCache<string, Window>({ max: maxKeys });

  const open = (key: string): Window | undefined => {
    const window = windows.get(key);
    return window !== undefined && window.endsAt > now() ? window : undefined;
  };
  const usage = ({ consumed, endsAt }: Window): Usage => ({ consumed, msLeft: endsAt - now() });

  return {
    async add(key, points) {
      const window = open(key) ?? { consumed: 0, endsAt: now() + seconds * 1000 };
      window.consumed += points;
      windows.set(key, window);
      return usage(window);
    },
    async get(key) {
      const window = open(key);
      return window === undefined ? undefined : usage(window);
    },
    async delete(key) {
      windows.delete(key);
    },
  };
}
