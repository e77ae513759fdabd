import { JsonRefused, parseStrictJson } from './documents/strict-json.ts';
import { readEach } from './each-key.ts';
import type { PublicKey } from './public-key.ts';
import { isObject } from './registered-values.ts';

/** Bytes of a published key set; a hundred RSA keys without certificates have as many. */
export const MAX_KEY_SET = 64 * 1024;
/** Keys in one; who rotates them has a handful. */
const MAX_PUBLISHED = 100;

/** What stands at a `jwks_uri` is no key set that assertions could be verified with. */
export class KeySetInvalid extends Error {
  override readonly name = 'KeySetInvalid';
  /** What is wrong with it and how to mend it; for the trail and for an administrator. */
  readonly detail: string;

  constructor(detail: string) {
    super('this is not a key set that can be used');
    this.detail = detail;
  }
}

/**
 * Reads what stands at a `jwks_uri` (RFC 7517 §5). What we have no use for is left out, a private,
 * shared or weak key spoils the set: whoever publishes one does not know what it says.
 *
 * @throws KeySetInvalid
 */
export function readPublishedKeys(bytes: Uint8Array): readonly PublicKey[] {
  const value = parse(bytes);
  const keys = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys)) throw new KeySetInvalid('a key set is one JSON object with keys');
  if (keys.length > MAX_PUBLISHED) throw new KeySetInvalid(`a key set has at most ${MAX_PUBLISHED} keys`);
  const read = readEach(keys);
  if (read.danger !== undefined) throw new KeySetInvalid(read.danger);
  if (read.keys.length === 0) throw new KeySetInvalid(read.unusable ?? 'the key set has no keys');
  return read.keys;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    throw error instanceof JsonRefused ? new KeySetInvalid(error.message) : error;
  }
}
