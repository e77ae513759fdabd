import type { Counter } from './counter.ts';

/** A shared counter that has not answered after so many milliseconds is taken to be away. */
const PATIENCE = 250;
/** For so many milliseconds after a failure it is not asked again, so that a stalled Redis is not paid for by every request. */
const COOLDOWN = 1_000;

/**
 * Counts with `shared`, and with `local` while that fails or stalls. Losing the shared counter gives
 * everybody a new window, once, and never an unlimited one.
 */
export function withInsurance(shared: Counter, local: Counter, onFallback: () => void): Counter {
  const either = createInsurance(onFallback);
  const first = <T>(ask: (counter: Counter) => Promise<T>): Promise<T> =>
    either(
      () => ask(shared),
      () => ask(local),
    );

  return {
    add: (key, points) => first((counter) => counter.add(key, points)),
    get: (key) => first((counter) => counter.get(key)),
    async delete(key) {
      await local.delete(key);
      await first((counter) => counter.delete(key));
    },
  };
}

/**
 * Returns a function that asks the shared counter, and the local one while that fails, stalls, or did so a moment ago.
 */
export function createInsurance(
  onFallback: () => void,
): <T>(shared: () => Promise<T>, local: () => Promise<T>) => Promise<T> {
  let resumeAt = 0;

  return async (shared, local) => {
    if (performance.now() < resumeAt) return local();
    try {
      return await within(PATIENCE, shared());
    } catch {
      resumeAt = performance.now() + COOLDOWN;
      onFallback();
      return local();
    }
  };
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, ms, new Error(`no answer after ${ms} ms`));
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
