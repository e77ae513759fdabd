import { createHash } from 'node:crypto';
import type { Logger } from 'pino';

import type { Redis } from '../redis/index.ts';

import { type BucketLimit, createMemoryBucket, createRedisBucket } from './bucket.ts';
import type { Counter } from './counter.ts';
import { createInsurance, withInsurance } from './insured.ts';
import { createMemoryCounter } from './memory.ts';
import { createRedisCounter } from './redis.ts';

interface Deps {
  readonly redis?: Redis | undefined;
  /** `false` allows everything; the configuration refuses that anywhere but on loopback. */
  readonly enabled: boolean;
  readonly log?: Logger | undefined;
  /** Is told whenever a limiter of that name counts in this process alone, because Redis did not answer. */
  readonly onDegraded?: ((limiter: string) => void) | undefined;
}

export interface Limit {
  /** What a key may use up in one window. */
  readonly points: number;
  /** Length of the window, in whole seconds, from its first use on. */
  readonly seconds: number;
}

export interface Verdict {
  readonly allowed: boolean;
  /** Whole seconds until the window ends, at least 1 when refused, 0 when allowed. */
  readonly retryAfter: number;
}

export interface Limiter {
  /** Uses points up (1 by default) and says whether that was still within the limit. Never rejects. */
  take(key: string, points?: number): Promise<Verdict>;
  /** Says whether one more point would be allowed, and uses none. */
  peek(key: string): Promise<Verdict>;
  /** Forgets what the key used, for example after a success. */
  reset(key: string): Promise<void>;
}

/** A limit that is refilled all the time: some requests at once, then one at a time. */
export interface Bucket {
  /** Takes one request for a key. Never rejects. */
  take(key: string): Promise<Verdict>;
}

export interface Throttle {
  /**
   * The bucket of that name, filled with `burst` requests, of which one comes back every `intervalMs` milliseconds. With
   * Redis all processes share it, and each has a small reserve of its own beside it.
   */
  bucket(name: string, limit: BucketLimit): Bucket;
  /** The limiter of that name; names are fixed words, keys may be anything that came from outside. */
  limiter(name: string, limit: Limit): Limiter;
}

const ALLOWED: Verdict = { allowed: true, retryAfter: 0 };

/**
 * Limits how often something may happen: in Redis for all processes together, in this process alone
 * while Redis is away or none is configured. It never fails open.
 *
 * Keys are hashed: what somebody typed as an e-mail address does not end up in Redis, and a long key
 * costs no more than a short one.
 */
export function createThrottle({ redis, enabled, log, onDegraded }: Deps): Throttle {
  if (!enabled) {
    const unlimited: Limiter = {
      take: async () => ALLOWED,
      peek: async () => ALLOWED,
      reset: async () => {},
    };
    return { limiter: () => unlimited, bucket: () => unlimited };
  }
  const degraded = (name: string) => () => {
    log?.warn({ limiter: name }, 'throttling in this process alone');
    onDegraded?.(name);
  };
  return {
    bucket(name, limit) {
      const local = createMemoryBucket(limit);
      const shared = redis && createRedisBucket(redis, name, limit);
      const reserve = shared && createMemoryBucket(reserveOf(limit));
      const either = createInsurance(degraded(name));
      return {
        async take(key) {
          const hash = hashed(key);
          if (reserve && (await reserve(hash)) === 0) return ALLOWED;
          const msLeft = shared
            ? await either(
                () => shared(hash),
                () => local(hash),
              )
            : await local(hash);
          return msLeft === 0 ? ALLOWED : refused(msLeft);
        },
      };
    },

    limiter(name, { points: limit, seconds }) {
      const memory = createMemoryCounter(seconds);
      const counter: Counter = redis
        ? withInsurance(createRedisCounter(redis, name, seconds), memory, degraded(name))
        : memory;

      return {
        async take(key, points = 1) {
          const { consumed, msLeft } = await counter.add(hashed(key), points);
          return consumed <= limit ? ALLOWED : refused(msLeft);
        },
        async peek(key) {
          const usage = await counter.get(hashed(key));
          return usage === undefined || usage.consumed < limit ? ALLOWED : refused(usage.msLeft);
        },
        async reset(key) {
          await counter.delete(hashed(key));
        },
      };
    },
  };
}

/**
 * What a process lets through of a bucket before it asks Redis: an eighth of it, refilled at a tenth of its pace. A key
 * that asks as seldom as an honest one costs no round trip; another one gets that much more from each process.
 */
function reserveOf({ burst, intervalMs }: BucketLimit): BucketLimit {
  return { burst: Math.max(1, Math.floor(burst / 8)), intervalMs: intervalMs * 10 };
}

function refused(msLeft: number): Verdict {
  return { allowed: false, retryAfter: Math.max(1, Math.ceil(msLeft / 1000)) };
}

function hashed(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('base64url').slice(0, 22);
}
