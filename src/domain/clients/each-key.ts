import { type AssertionAlgorithm, type PublicKey, readPublicKey } from './public-key.ts';
import { isObject } from './registered-values.ts';

/** What the members of a JWK Set are worth (RFC 7517 §5). */
export interface ReadEach {
  readonly keys: readonly PublicKey[];
  readonly algorithms: ReadonlySet<AssertionAlgorithm>;
  /** The first of each kind of fault, as a sentence about the key. */
  readonly danger: string | undefined;
  readonly unusable: string | undefined;
}

export function readEach(keys: readonly unknown[]): ReadEach {
  const each = keys.map((value, index) => ({ name: nameOf(value, index), read: readPublicKey(value) }));
  const first = (danger: boolean) => {
    const found = each.find(({ read }) => !read.ok && read.danger === danger);
    return found && !found.read.ok ? `the key ${found.name} of jwks ${found.read.reason}` : undefined;
  };
  return {
    keys: each.flatMap(({ read }) => (read.ok ? [read.key] : [])),
    algorithms: new Set(each.flatMap(({ read }) => (read.ok ? read.algorithms : []))),
    danger: first(true),
    unusable: first(false),
  };
}

/** By its kid, else by its place. */
function nameOf(value: unknown, index: number): string {
  const kid = isObject(value) ? value['kid'] : undefined;
  return typeof kid === 'string' && /^[\x21-\x7e]{1,64}$/.test(kid) ? JSON.stringify(kid) : `${index + 1}`;
}
