import type { AuthMethod } from './client.ts';
import { readEach } from './each-key.ts';
import { ASSERTION_ALGORITHMS, type AssertionAlgorithm, type PublicKey } from './public-key.ts';
import { isObject, isText } from './registered-values.ts';

/** RFC 7591 §2: how the client's assertions are verified. One of `jwks` and `jwks_uri`, never both. */
export interface Keys {
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  readonly jwks_uri?: string;
  readonly token_endpoint_auth_signing_alg?: string;
}

type ReadKeys = { readonly ok: true; readonly value: Keys } | { readonly ok: false; readonly reason: string };

const MAX_KEYS = 20;
const MAX_BYTES = 32_768;
const MAX_URL = 2048;

/**
 * The keys of a client that authenticates with `private_key_jwt`; other clients have no use for any.
 * What could not verify a single assertion is refused now, and not when the client first tries.
 */
export function readKeys(body: Readonly<Record<string, unknown>>, method: AuthMethod): ReadKeys {
  const jwks = body['jwks'] === '' ? undefined : (body['jwks'] ?? undefined);
  const uri = isText(body['jwks_uri']) ? body['jwks_uri'] : undefined;
  const read = jwks === undefined ? undefined : readJwks(jwks);
  if (read && !read.ok && (read.danger || method === 'private_key_jwt')) return refuse(read.reason);
  if (method !== 'private_key_jwt') return { ok: true, value: {} };

  if (jwks !== undefined && uri !== undefined) return refuse('give jwks or jwks_uri, not both (RFC 7591 §2)');
  const asked = body['token_endpoint_auth_signing_alg'];
  const alg = ASSERTION_ALGORITHMS.find((known) => known === asked);
  if (isText(asked) && !alg) {
    return refuse(`token_endpoint_auth_signing_alg must be ${ASSERTION_ALGORITHMS.join(', ')}`);
  }
  const signing = alg === undefined ? {} : { token_endpoint_auth_signing_alg: alg };
  if (read?.ok) {
    if (alg !== undefined && !read.algorithms.has(alg))
      return refuse(`no key of jwks can be used for ${alg}`);
    return { ok: true, value: { jwks: { keys: read.keys }, ...signing } };
  }
  if (uri === undefined) return refuse('private_key_jwt needs jwks or jwks_uri');
  const fault = refuseUri(uri);
  return fault === undefined ? { ok: true, value: { jwks_uri: uri, ...signing } } : refuse(fault);
}

const refuse = (reason: string) => ({ ok: false, reason }) as const;

/** Where keys are is a public address: it is fetched from outside of every network of ours. */
function refuseUri(uri: string): string | undefined {
  const url = uri.length <= MAX_URL ? URL.parse(uri) : null;
  if (url?.protocol !== 'https:') return `jwks_uri must be an https URL of at most ${MAX_URL} characters`;
  if (url.username !== '' || url.password !== '' || uri.includes('#')) {
    return 'jwks_uri must be a URL without user, password and fragment';
  }
  return undefined;
}

type ReadJwks =
  | {
      readonly ok: true;
      readonly keys: readonly PublicKey[];
      readonly algorithms: ReadonlySet<AssertionAlgorithm>;
    }
  | { readonly ok: false; readonly danger: boolean; readonly reason: string };

/** No reason to refuse whoever needs no keys: it is not kept. */
const unusable = (reason: string) => ({ ok: false, danger: false, reason }) as const;

/** The keys that verify something. One that does not may stand beside them, and is left out. */
function readJwks(value: unknown): ReadJwks {
  const keys = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) {
    return unusable(`jwks must be a JWK Set with 1 to ${MAX_KEYS} keys (RFC 7517 §5)`);
  }
  const json = JSON.stringify(value);
  // Neither NUL nor a lone surrogate can be stored, and no key has one.
  if (json.length > MAX_BYTES || /\\u(?:0000|d[89a-f])/i.test(json)) {
    return unusable(`jwks must be plain JSON of at most ${MAX_BYTES / 1024} KiB`);
  }
  const read = readEach(keys);
  if (read.danger !== undefined) return { ok: false, danger: true, reason: read.danger };
  if (read.keys.length > 0) return { ok: true, keys: read.keys, algorithms: read.algorithms };
  return unusable(read.unusable ?? 'jwks has no usable key');
}
