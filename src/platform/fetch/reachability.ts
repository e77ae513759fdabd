import type { Outbound } from './fetch.ts';

/** Whether names of the internet can be resolved, as it was last found. */
export interface Reachability {
  /** Resolves with the outcome of the first look, at most `LOOK_TIMEOUT_MS` after the start. */
  readonly first: Promise<boolean>;
  /** The outcome of the last look; true until the first one ends. */
  reachable(): boolean;
  stop(): void;
}

/** One look at DNS. */
const LOOK_TIMEOUT_MS = 2_000;
/** Between two looks while nothing can be resolved. */
const RETRY_INTERVAL_MS = 30_000;

/**
 * Looks whether a name can be resolved, and again every 30 s until it can; after that a fetch reports its own
 * failure. Resolves the name and connects to nothing. Calls `onChange` after the first look and after each change.
 */
export function watchReachability({
  outbound,
  hostname,
  onChange,
  retryIntervalMs = RETRY_INTERVAL_MS,
}: {
  readonly outbound: Pick<Outbound, 'resolve'>;
  readonly hostname: string;
  readonly onChange: (reachable: boolean) => void;
  readonly retryIntervalMs?: number;
}): Reachability {
  let reachable = true;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async () => {
    try {
      return (await outbound.resolve(hostname, AbortSignal.timeout(LOOK_TIMEOUT_MS))).length > 0;
    } catch {
      return false;
    }
  };
  const lookAgainLater = () => {
    if (stopped || reachable) return;
    timer = setTimeout(async () => {
      const found = await look();
      if (stopped) return;
      if (found) {
        reachable = true;
        onChange(true);
      }
      lookAgainLater();
    }, retryIntervalMs);
    timer.unref();
  };
  const first = look().then((found) => {
    if (stopped) return found;
    reachable = found;
    onChange(found);
    lookAgainLater();
    return found;
  });

  return {
    first,
    reachable: () => reachable,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
