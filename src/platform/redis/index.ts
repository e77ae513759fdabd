/**
 * Redis: a cache and a bell, never a memory of authority.
 *
 * Whatever is kept here may be lost at any moment without letting anyone in. Whoever uses it has an
 * answer for when it is away.
 */

export { openRedis, type Redis, type RedisClient } from './open.ts';
