/**
 * Throttle: how often something may happen, per account, per network, per client.
 *
 * Owns the counting, in Redis or in this process. Does not own the limits, which are settings, or
 * what happens at the limit, which is for the door to say.
 */

export { Throttled } from './errors.ts';
export { createPace } from './pace.ts';
export { createPrefixLimiter, type PrefixLimiter } from './prefixes.ts';
export {
  type Bucket,
  createThrottle,
  type Limit,
  type Limiter,
  type Throttle,
  type Verdict,
} from './throttle.ts';
