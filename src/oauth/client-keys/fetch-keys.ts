import { type PublicKey, readPublishedKeys } from '../../domain/clients/index.ts';
import type { Fetched, GuardedFetch } from '../../platform/fetch/index.ts';

/** Bytes of a key set; a hundred RSA keys without certificates have as many. */
const MAX_BYTES = 64 * 1024;
/** Milliseconds; a request of the client waits for it. */
const TIMEOUT = 3_000;
/** Seconds for which a set is fresh that says nothing of it, and whatever it says. */
const LIFETIME = { unsaid: 300, min: 60, max: 3600 };

export interface FetchedKeys {
  readonly keys: readonly PublicKey[];
  /** Seconds. */
  readonly lifetime: number;
}

/**
 * Fetches a published key set (RFC 7517 §5), through the guard and within its bounds.
 *
 * @throws Error for what is not there or not a key set; its message is for the audit trail.
 */
export async function fetchKeys(fetch: GuardedFetch, url: string): Promise<FetchedKeys> {
  const fetched = await fetch(url, {
    accept: ['application/json', 'application/*+json'],
    maxBytes: MAX_BYTES,
    timeoutMs: TIMEOUT,
  });
  if (fetched.status !== 200) throw new Error(`status_${fetched.status}`);
  const read = readPublishedKeys(parse(fetched.body));
  if (!read.ok) throw new Error(read.reason);
  return { keys: read.keys, lifetime: lifetimeOf(fetched) };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new Error('not JSON');
  }
}

/** RFC 9111 §5.2.2, within our bounds; `Age` is time already spent. */
function lifetimeOf({ headers }: Fetched): number {
  const control = headers['cache-control']?.toLowerCase() ?? '';
  if (/\bno-(?:store|cache)\b/.test(control)) return LIFETIME.min;
  const said = /(?:^|[\s,])max-age="?(\d{1,9})/.exec(control)?.[1];
  const left = said === undefined ? LIFETIME.unsaid : Number(said) - (Number(headers['age']) || 0);
  return Math.min(Math.max(left, LIFETIME.min), LIFETIME.max);
}
