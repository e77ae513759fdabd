import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';

import { timeFor } from '../create.ts';
import { FetchRefused } from '../errors.ts';
import type { Fetched, Ways } from '../fetch.ts';
import { failAtFixedTime } from '../fixed-time.ts';

import type { Beginning, Order, OutboundModule, Outcome } from './messages.ts';

/** Mebibytes of its own heap; what comes over the network lies outside it and is bounded by the guard. */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
/** Milliseconds past the time of a fetch after which a thread that has not said what became of it hangs. */
const HANGS = 5_000;
/** The reason where a thread has ended that fetched something. */
const NO_FETCHER = 'no_fetcher';

interface Running {
  fetch(order: Omit<Order, 'id'>, ms: number): Promise<Fetched>;
  end(): Promise<unknown>;
}

/**
 * Fetches in a thread that gives way to the one which answers requests. TLS with a stranger, and reading what a stranger
 * made to be read slowly, takes milliseconds at a time, in which no token would be issued; and should it take the
 * memory or the life of a thread, it is that one's, and the next fetch has another.
 *
 * The thread begins with the first fetch. `ended` is told why one ended that nobody asked to.
 */
export function createFetchThread({
  outbound,
  ended = () => {},
}: {
  readonly outbound?: OutboundModule | undefined;
  readonly ended?: (error: unknown) => void;
} = {}): Ways {
  let running: Running | undefined;
  let ways = 0;
  let closed = false;

  function thread(): Running {
    if (closed) throw new FetchRefused(NO_FETCHER);
    running ??= start({ outbound, compiled: getCompileCacheDir() }, (error) => {
      running = undefined;
      if (error) ended(error);
    });
    return running;
  }

  return {
    open() {
      const way = ways;
      ways += 1;
      return (url, request) => {
        const ms = timeFor(request);
        return failAtFixedTime(ms, async () => thread().fetch({ way, url, request }, ms));
      };
    },
    async close() {
      closed = true;
      await running?.end();
    },
  };
}

function start(beginning: Beginning, ended: (error?: unknown) => void): Running {
  const waiting = new Map<number, (outcome: Outcome) => void>();
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    name: 'fetch',
    workerData: beginning,
    // And with the environment, of which Node reads whom to believe.
    resourceLimits: HEAP,
  });
  let orders = 0;
  let why: unknown;

  worker.on('message', (outcome: Outcome) => waiting.get(outcome.id)?.(outcome));
  worker.on('error', (error) => {
    why = error;
  });
  worker.on('exit', () => {
    ended(why);
    for (const [id, settle] of waiting) settle({ id, refused: NO_FETCHER });
  });
  // Whoever waits for a fetch keeps the process, not the thread that has nothing to do.
  worker.unref();

  return {
    fetch(order, ms) {
      orders += 1;
      const id = orders;
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new FetchRefused('timeout')), ms);
        const hangs = setTimeout(() => {
          why = new Error('the thread that fetches does not answer');
          void worker.terminate();
        }, ms + HANGS);
        waiting.set(id, (outcome) => {
          waiting.delete(id);
          clearTimeout(late);
          clearTimeout(hangs);
          if ('fetched' in outcome) resolve(bodyOf(outcome.fetched));
          else reject('refused' in outcome ? new FetchRefused(outcome.refused) : outcome.failed);
        });
        worker.postMessage({ id, ...order } satisfies Order);
      });
    },
    end: () => worker.terminate(),
  };
}

/** A buffer that went from thread to thread is a plain array of bytes. */
function bodyOf({ body, ...fetched }: Fetched): Fetched {
  return { ...fetched, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) };
}
