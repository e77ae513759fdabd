import { isLoopbackHost } from '../../kernel/loopback.ts';

import type { AuthMethod } from './client.ts';
import { isObject, isText } from './registered-values.ts';

/** RFC 7591 §2: how the client's assertions are verified. One of `jwks` and `jwks_uri`, never both. */
export interface Keys {
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  readonly jwks_uri?: string;
  readonly token_endpoint_auth_signing_alg?: string;
}

type ReadKeys = { readonly ok: true; readonly value: Keys } | { readonly ok: false; readonly reason: string };

/** Asymmetric only: with a shared key the server could speak as the client. */
const ASSERTION_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const PUBLIC_KEY_TYPES = ['RSA', 'EC', 'OKP'];
/** RFC 7518 §6: the private and symmetric members of a JWK. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const MAX_KEYS = 20;
const MAX_BYTES = 32_768;

/** The keys of a client that authenticates with `private_key_jwt`; other clients have no use for any. */
export function readKeys(body: Readonly<Record<string, unknown>>, method: AuthMethod): ReadKeys {
  const jwks = body['jwks'] ?? undefined;
  const uri = isText(body['jwks_uri']) ? body['jwks_uri'] : undefined;
  if (jwks !== undefined) {
    const fault = refuseJwks(jwks);
    if (fault !== undefined) return { ok: false, reason: fault };
  }
  if (method !== 'private_key_jwt') return { ok: true, value: {} };

  if (jwks !== undefined && uri !== undefined)
    return { ok: false, reason: 'give jwks or jwks_uri, not both (RFC 7591 §2)' };
  const alg = body['token_endpoint_auth_signing_alg'];
  if (isText(alg) && !ASSERTION_ALGORITHMS.includes(alg)) {
    return {
      ok: false,
      reason: `token_endpoint_auth_signing_alg must be ${ASSERTION_ALGORITHMS.join(', ')}`,
    };
  }
  const signing = isText(alg) ? { token_endpoint_auth_signing_alg: alg } : {};
  if (jwks !== undefined) return { ok: true, value: { jwks: jwks as NonNullable<Keys['jwks']>, ...signing } };
  if (uri === undefined) return { ok: false, reason: 'private_key_jwt needs jwks or jwks_uri' };
  const url = URL.parse(uri);
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLoopbackHost(url.hostname))) {
    return { ok: false, reason: 'jwks_uri must be an https URL' };
  }
  return { ok: true, value: { jwks_uri: uri, ...signing } };
}

function refuseJwks(value: unknown): string | undefined {
  const keys = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) {
    return `jwks must be a JWK Set with 1 to ${MAX_KEYS} keys (RFC 7517 §5)`;
  }
  const json = JSON.stringify(value);
  // Neither NUL nor a lone surrogate can be stored, and no key has one.
  if (json.length > MAX_BYTES || /\\u(?:0000|d[89a-f])/i.test(json)) {
    return `jwks must be plain JSON of at most ${MAX_BYTES / 1024} KiB`;
  }
  for (const key of keys) {
    if (!isObject(key) || !PUBLIC_KEY_TYPES.includes(String(key['kty']))) {
      return `every key of jwks has a kty of ${PUBLIC_KEY_TYPES.join(', ')}`;
    }
    if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member))) {
      return 'jwks contains a private key: it is known to others now, replace it, and register the public part only';
    }
  }
  return undefined;
}
