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

/** A guarded fetch whose failures are told as soon as they are known: not to whoever chose the URL. */
export type Guarded = (url: string, request: GuardedRequest) => Promise<Fetched>;

/** Milliseconds that a fetch has, by what is asked for. */
export function timeFor({ timeoutMs = FETCH_TIMEOUT }: Pick<GuardedRequest, 'timeoutMs'>): number {
  return Math.min(timeoutMs, FETCH_TIMEOUT);
}

/**
 * Makes the one way in which this process fetches what somebody else named, with places of its own.
 *
 * @see createGuard
 */
export function createGuardedFetch({
  outbound = systemOutbound,
}: {
  readonly outbound?: Outbound;
} = {}): GuardedFetch {
  const fetch = createGuard(outbound);
  return (url, request) => failAtFixedTime(timeFor(request), () => fetch(url, request));
}

/**
 * What everything passes that is fetched, wherever it runs:
 *
 *     url ──▶ target ──▶ a place ──▶ every address looked at ──▶ one dialled ──▶ TLS ──▶ one GET ──▶ Fetched
 *
 * Environment variables for proxies are not read: a proxy would resolve again, and dial what it likes.
 */
export function createGuard(outbound: Outbound): Guarded {
  const connect = createConnect(outbound);
  const takePlace = createPlaces(PLACES);

  return async (url, request) => {
    const signal = AbortSignal.timeout(Math.floor(timeFor(request) * IN_TIME));
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
  };
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
