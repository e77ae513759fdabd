import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';

import type { Redis } from '../redis/index.ts';

import type { Counter, Usage } from './counter.ts';

/** Counts in Redis, one atomic step each, shared by all processes. Rejects when Redis is away. */
export function createRedisCounter(redis: Redis, name: string, seconds: number): Counter {
  const limiter = new RateLimiterRedis({
    storeClient: redis.client,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    // Braces: one slot of a Redis Cluster.
    keyPrefix: `{gatehouse}:throttle:${name}`,
    points: Number.MAX_SAFE_INTEGER,
    duration: seconds,
  });
  const usage = ({ consumedPoints, msBeforeNext }: RateLimiterRes): Usage => ({
    consumed: consumedPoints,
    msLeft: msBeforeNext,
  });

  return {
    async add(key, points) {
      return usage(await limiter.consume(key, points));
    },
    async get(key) {
      const result = await limiter.get(key);
      return result === null ? undefined : usage(result);
    },
    async delete(key) {
      await limiter.delete(key);
    },
  };
}
