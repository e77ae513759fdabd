import { KeySetInvalid, MAX_KEY_SET, readPublishedKeys } from '../domain/clients/index.ts';
import { InvalidInput } from '../kernel/errors.ts';
import type { GuardedFetch } from '../platform/fetch/index.ts';

/** Bytes and milliseconds. */
const LIMITS = { maxBytes: MAX_KEY_SET, timeoutMs: 3_000 };

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
  try {
    readPublishedKeys(body);
  } catch (error) {
    if (!(error instanceof KeySetInvalid)) throw error;
    throw new InvalidInput(
      `The client cannot be registered with what stands at its jwks_uri: ${error.detail}.`,
    );
  }
  return undefined;
}
