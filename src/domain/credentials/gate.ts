import { HashingBusy } from './errors.ts';

/** Lets a bounded number of jobs run and a bounded number wait. */
export interface Gate {
  /** @throws HashingBusy at once, when the queue is full. */
  run<T>(job: () => Promise<T>): Promise<T>;
  /** How many run and wait now. */
  load(): GateLoad;
}

export interface GateLoad {
  readonly running: number;
  readonly waiting: number;
}

/**
 * A hash costs 19 MiB and some 20 ms of a thread that DNS and signatures also need; without a bound,
 * posting passwords would be the cheapest way to stop the token endpoint.
 */
export function createGate({
  concurrency,
  queue,
}: {
  readonly concurrency: number;
  readonly queue: number;
}): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;

  return {
    async run(job) {
      if (running >= concurrency) {
        if (waiting.length >= queue) throw new HashingBusy();
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else {
        running += 1;
      }
      try {
        return await job();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running -= 1;
      }
    },
    load: () => ({ running, waiting: waiting.length }),
  };
}
