import { createConnect } from './connect.ts';
import { FetchRefused } from './errors.ts';
import { exchange } from './exchange.ts';
import type { Fetched, GuardedFetch, GuardedRequest, Outbound } from './fetch.ts';
import { failAtFixedTime } from './fixed-time.ts';
import { systemOutbound } from './outbound.ts';
import { createPlaces } from './places.ts';
import { targetOf } from './target.ts';

/** Milliseconds for one fetch, from the name to the last byte. */
export const FETCH_TIMEOUT = 5_000;
/** The part of that time in which it must be done: what comes late must not be told from what fails early. */
const IN_TIME = 0.96;

/** Connections of one process at once, to one host, and those that wait for one. */
const PLACES = { total: 32, perHost: 4, line: 256 };

/**
 * Makes the one way in which this process fetches what somebody else named.
 *
 *     url ──▶ target ──▶ a place ──▶ every address looked at ──▶ one dialled ──▶ TLS ──▶ one GET ──▶ Fetched
 *
 * Environment variables for proxies are not read: a proxy would resolve again, and dial what it likes.
 */
export function createGuardedFetch({
  outbound = systemOutbound,
}: {
  readonly outbound?: Outbound;
} = {}): GuardedFetch {
  const connect = createConnect(outbound);
  const takePlace = createPlaces(PLACES);

  return (url, request) => {
    const ms = Math.min(request.timeoutMs ?? FETCH_TIMEOUT, FETCH_TIMEOUT);
    return failAtFixedTime(ms, () => fetchWithin(url, request, AbortSignal.timeout(ms * IN_TIME)));
  };

  async function fetchWithin(url: string, request: GuardedRequest, signal: AbortSignal): Promise<Fetched> {
    const target = targetOf(url);
    const leave = await takePlace(target.hostname, signal);
    const connecting = connect(target, signal);
    try {
      const socket = await unlessOver(signal, connecting);
      return { url, ...(await unlessOver(signal, exchange(socket, target, request))) };
    } finally {
      leave();
      connecting.then(
        (socket) => socket.destroy(),
        () => {},
      );
    }
  }
}

/** What is not there when the time is over does not count, however it ends. */
async function unlessOver<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const end = () => reject(new FetchRefused('timeout'));
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await Promise.race([work, over]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}
