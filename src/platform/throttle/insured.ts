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
  let resumeAt = 0;

  const first = async <T>(ask: (counter: Counter) => Promise<T>): Promise<T> => {
    if (performance.now() < resumeAt) return ask(local);
    try {
      return await within(PATIENCE, ask(shared));
    } catch {
      resumeAt = performance.now() + COOLDOWN;
      onFallback();
      return ask(local);
    }
  };

  return {
    add: (key, points) => first((counter) => counter.add(key, points)),
    get: (key) => first((counter) => counter.get(key)),
    async delete(key) {
      await local.delete(key);
      await first((counter) => counter.delete(key));
    },
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
