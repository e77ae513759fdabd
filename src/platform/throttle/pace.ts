import { setTimeout as delay } from 'node:timers/promises';

import { Throttled } from './errors.ts';

/** Waits until it is this one's time. @throws {Throttled} at once, when that would be too long. */
export type Pace = () => Promise<void>;

/**
 * Has something begin evenly, in the order in which it was asked for: what comes all at once is spread over the
 * time after it, so that it takes a small part of this process at each moment and nobody else feels it.
 * What comes alone does not wait.
 */
export function createPace({
  every,
  patience,
}: {
  /** Milliseconds from one to the next, at the least. */
  readonly every: number;
  /** Milliseconds that one waits, at the most. */
  readonly patience: number;
}): Pace {
  let next = Number.NEGATIVE_INFINITY;

  return async () => {
    const now = performance.now();
    const mine = Math.max(now, next);
    if (mine - now > patience) throw new Throttled(Math.ceil(patience / 1000));
    next = mine + every;
    if (mine > now) await delay(mine - now);
  };
}
