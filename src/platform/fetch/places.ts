import { FetchRefused } from './errors.ts';

/** Takes a place, waiting for one if need be, and answers how to give it back. */
export type TakePlace = (host: string, signal: AbortSignal) => Promise<() => void>;

interface Waiting {
  readonly host: string;
  readonly signal: AbortSignal;
  readonly start: () => void;
}

/**
 * Places for connections: so many at once, and fewer to one host, so that a host that is slow on purpose
 * keeps nobody else waiting for long. Whoever finds none waits in line, in order, until the signal; the
 * line is bounded too.
 */
export function createPlaces({
  total,
  perHost,
  line,
}: {
  readonly total: number;
  readonly perHost: number;
  readonly line: number;
}): TakePlace {
  const taken = new Map<string, number>();
  const waiting = new Set<Waiting>();
  let all = 0;

  const isFree = (host: string) => all < total && (taken.get(host) ?? 0) < perHost;

  function take(host: string): () => void {
    all += 1;
    taken.set(host, (taken.get(host) ?? 0) + 1);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      all -= 1;
      const left = (taken.get(host) ?? 1) - 1;
      if (left === 0) taken.delete(host);
      else taken.set(host, left);
      for (const next of waiting) {
        if (next.signal.aborted || !isFree(next.host)) continue;
        waiting.delete(next);
        next.start();
        break;
      }
    };
  }

  return async (host, signal) => {
    if (isFree(host)) return take(host);
    if (waiting.size >= line) throw new FetchRefused('busy');
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        waiting.delete(next);
        reject(new FetchRefused('busy'));
      };
      const start = () => {
        signal.removeEventListener('abort', giveUp);
        resolve(take(host));
      };
      const next: Waiting = { host, signal, start };
      waiting.add(next);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  };
}
