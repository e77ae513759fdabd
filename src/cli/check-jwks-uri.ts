import { readPublishedKeys } from '../domain/clients/index.ts';
import { InvalidInput } from '../kernel/errors.ts';
import type { GuardedFetch } from '../platform/fetch/index.ts';

/** Bytes and milliseconds. */
const LIMITS = { maxBytes: 64 * 1024, timeoutMs: 3_000 };

/**
 * Looks at what stands at a `jwks_uri` before a client is registered with it, in the way in which the
 * server will. Answers a warning when nothing can be had from there, which may be because of where
 * this command runs.
 *
 * @throws InvalidInput when something is there that no assertion could be verified with.
 */
export async function checkJwksUri(url: string, fetch: GuardedFetch): Promise<string | undefined> {
  let body: Buffer;
  try {
    ({ body } = await fetch(url, { accept: ['application/json', 'application/*+json'], ...LIMITS }));
  } catch (error) {
    const why = error instanceof Error && 'detail' in error ? ` (${error.detail})` : '';
    return `Its keys could not be fetched from here${why}: it cannot authenticate until the server can fetch them.`;
  }
  const read = readPublishedKeys(parse(body));
  if (!read.ok)
    throw new InvalidInput(`The client cannot be registered: at its jwks_uri stands ${words(read.reason)}.`);
  return undefined;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The reasons name a key of the set, or say what is there. */
function words(reason: string): string {
  return reason.startsWith('the key ') ? `a key set that is of no use: ${reason}` : reason;
}
