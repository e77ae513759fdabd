import { LRUCache } from 'lru-cache';

import type { Redis } from '../redis/index.ts';

/** A bucket that holds `burst` requests and is refilled by one every `intervalMs`. */
export interface BucketLimit {
  readonly burst: number;
  /** Milliseconds in which one request comes back. */
  readonly intervalMs: number;
}

/** Takes one request from the bucket of a key. Returns 0, or the milliseconds until the next one is there. */
export type TakeFromBucket = (key: string) => Promise<number>;

/** Keys of one bucket that are remembered at once; with more, the one untouched for longest is full again. */
const MAX_KEYS = 50_000;

/**
 * Counts in this process alone, in bounded memory, by the generic cell rate algorithm: what is kept of a key is the
 * time at which its bucket is full again.
 */
export function createMemoryBucket(
  { burst, intervalMs }: BucketLimit,
  { now = Date.now }: { readonly now?: () => number } = {},
): TakeFromBucket {
  const fullAt = new LRUCache<string, number>({ max: MAX_KEYS });
  const capacityMs = (burst - 1) * intervalMs;

  return async (key) => {
    const time = now();
    // A clock that was set back must not leave a key with a debt longer than its bucket.
    const from = Math.max(time, Math.min(fullAt.get(key) ?? time, time + capacityMs + intervalMs));
    if (from - time > capacityMs) return from - time - capacityMs;
    fullAt.set(key, from + intervalMs);
    return 0;
  };
}

/** The same in one atomic step, by the clock of Redis, in milliseconds. */
const SCRIPT = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
  local from = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
  if from - now > capacity then return from - now - capacity end
  redis.call('SET', KEYS[1], from + interval, 'PX', from + interval - now)
  return 0`;

/** Counts in Redis, shared by all processes. Rejects when Redis is away. */
export function createRedisBucket(
  redis: Redis,
  name: string,
  { burst, intervalMs }: BucketLimit,
): TakeFromBucket {
  const limits = [String(intervalMs), String((burst - 1) * intervalMs)];
  return async (key) => {
    if (!redis.isReady()) throw new Error('Redis is away');
    const keys = [`{gatehouse}:bucket:${name}:${key}`];
    return Number(await redis.client.eval(SCRIPT, { keys, arguments: limits }));
  };
}
