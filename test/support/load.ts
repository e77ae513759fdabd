import { setTimeout as delay } from 'node:timers/promises';

/** What came of a load. */
export interface Load {
  /** Requests that were answered as they should be. */
  readonly served: number;
  readonly faults: readonly unknown[];
}

/**
 * Makes `perSecond` requests, whether earlier ones are answered or not, until `work` is done. What a
 * request rejects with is a fault.
 */
export async function underLoad(
  perSecond: number,
  request: () => Promise<void>,
  work: () => Promise<unknown>,
): Promise<Load> {
  const faults: unknown[] = [];
  const running = new Set<Promise<void>>();
  const started = performance.now();
  let served = 0;
  let sent = 0;
  let over = false;

  const done = work().finally(() => {
    over = true;
  });
  while (!over) {
    const due = ((performance.now() - started) / 1000) * perSecond;
    for (; sent < due; sent += 1) {
      const one: Promise<void> = request()
        .then(
          () => {
            served += 1;
          },
          (error: unknown) => void faults.push(error),
        )
        .finally(() => running.delete(one));
      running.add(one);
    }
    await delay(5);
  }
  await done;
  await Promise.all(running);
  return { served, faults };
}
