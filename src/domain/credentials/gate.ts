import { HashingBusy } from './errors.ts';

/** Lets a bounded number of jobs run and a bounded number wait. */
export interface Gate {
  /**
   * Runs a job now, or once the jobs before it are done. `holder` names the network prefix that asks.
   *
   * @throws HashingBusy at once, when the queue is full of smaller holders; or while the job waits, when it is the
   * latest of the largest holder and its place is needed by a smaller one.
   */
  run<T>(job: () => Promise<T>, holder?: string): Promise<T>;
  /** How many run and wait now. */
  load(): GateLoad;
}

export interface GateLoad {
  readonly running: number;
  readonly waiting: number;
}

interface Waiting {
  readonly holder: string | undefined;
  readonly begin: () => void;
  readonly refuse: (reason: HashingBusy) => void;
}

/**
 * A hash costs 19 MiB and some 20 ms of a thread that DNS and signatures also need; without a bound,
 * posting passwords would be the cheapest way to stop the token endpoint. A flood from few networks takes no
 * place from others: a full queue gives the place of the largest holder to a smaller one.
 */
export function createGate({
  concurrency,
  queue,
}: {
  readonly concurrency: number;
  readonly queue: number;
}): Gate {
  const waiting: Waiting[] = [];
  let running = 0;

  /** Refuses the latest job of the holder with the most places. @throws HashingBusy */
  function makeRoomFor(holder: string | undefined): void {
    const places = new Map<string, number>();
    for (const job of waiting) {
      if (job.holder !== undefined) places.set(job.holder, (places.get(job.holder) ?? 0) + 1);
    }
    const own = (holder === undefined ? undefined : places.get(holder)) ?? 0;
    const most = Math.max(0, ...places.values());
    if (most <= own + 1) throw new HashingBusy();
    const latest = waiting.findLastIndex((job) => places.get(job.holder ?? '') === most);
    waiting.splice(latest, 1)[0]?.refuse(new HashingBusy());
  }

  return {
    async run(job, holder) {
      if (running >= concurrency) {
        if (waiting.length >= queue) makeRoomFor(holder);
        await new Promise<void>((begin, refuse) => waiting.push({ holder, begin, refuse }));
      } else {
        running += 1;
      }
      try {
        return await job();
      } finally {
        const next = waiting.shift();
        if (next) next.begin();
        else running -= 1;
      }
    },
    load: () => ({ running, waiting: waiting.length }),
  };
}
