import { createPublicKey, type KeyObject } from 'node:crypto';

import { isObject } from './registered-values.ts';

/** What a client may sign its assertions with (RFC 7518 §3.1, RFC 8037 §3.1). Asymmetric only: with a shared key the server could speak as the client. */
export const ASSERTION_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number];

/** A key that verifies assertions: what of a JWK matters for it, and nothing else (RFC 7517 §4, RFC 7518 §6). */
export type PublicKey = {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly kid?: string;
  readonly alg?: AssertionAlgorithm;
  readonly use?: 'sig';
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
};

export type ReadPublicKey =
  | { readonly ok: true; readonly key: PublicKey; readonly algorithms: readonly AssertionAlgorithm[] }
  /**
   * `danger` is a key whose set cannot be believed: private, shared or weak. Otherwise it is one that we
   * have no use for. `reason` continues "the key … of jwks".
   */
  | { readonly ok: false; readonly danger: boolean; readonly reason: string };

/** RFC 7518 §6: the private and symmetric members of a JWK; `priv` of the keys that come after them. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
/** RFC 7518 §3.3. */
const MIN_MODULUS = 2048;
/** Above it a verification is long enough to be an attack. */
const MAX_MODULUS = 8192;
const MAX_KID = 512;
/** Whole characters, and none that no column can hold. */
const KID = new RegExp(`^[^\\p{Cc}\\p{Cs}]{1,${MAX_KID}}$`, 'u');

const unusable = (reason: string) => ({ ok: false, danger: false, reason }) as const;
const dangerous = (reason: string) => ({ ok: false, danger: true, reason }) as const;

/** Reads one member of `keys` of a JWK Set that a client gave or published. */
export function readPublicKey(value: unknown): ReadPublicKey {
  if (!isObject(value)) return unusable('is not a JSON object');
  if (value['kty'] === 'oct') return dangerous('is a shared secret; register public keys only');
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(value, member))) {
    return dangerous(
      'is a private key: others know it now, so replace it, and register the public part of the new one only',
    );
  }
  const { kid, alg, use, key_ops: operations } = value;
  if (kid !== undefined && (typeof kid !== 'string' || !KID.test(kid))) {
    return unusable(`has a kid that is not a text of at most ${MAX_KID} characters`);
  }
  if (use !== undefined && use !== 'sig') return unusable('is not for signatures');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return unusable('is not for verifying signatures');
  }
  const material = materialOf(value);
  if (!material) return unusable(`is of a kind that makes none of ${ASSERTION_ALGORITHMS.join(', ')}`);
  const algorithms = material.algorithms.filter((candidate) => alg === undefined || candidate === alg);
  if (algorithms.length === 0) {
    const named = typeof alg === 'string' && /^[\w-]{1,32}$/.test(alg) ? alg : 'something';
    return unusable(`is for ${named}, which is not one of ${ASSERTION_ALGORITHMS.join(', ')}`);
  }
  const imported = importKey(material.jwk);
  if (!imported) return unusable('is not a valid key');
  const weakness = weaknessOf(imported);
  if (weakness !== undefined) return dangerous(weakness);
  return {
    ok: true,
    algorithms,
    key: {
      ...material.jwk,
      ...(kid === undefined ? {} : { kid }),
      ...(alg === undefined ? {} : { alg: alg as AssertionAlgorithm }),
      ...(use === undefined ? {} : { use }),
    },
  };
}

/** The members that make the key, and what it can make; `undefined` for a kind of key that we do not verify with. */
function materialOf(
  jwk: Readonly<Record<string, unknown>>,
): { readonly jwk: PublicKey; readonly algorithms: readonly AssertionAlgorithm[] } | undefined {
  const { kty, crv, x, y, n, e } = jwk;
  if (kty === 'RSA' && areText(n, e))
    return { jwk: { kty, n, e } as PublicKey, algorithms: ['RS256', 'PS256'] };
  if (kty === 'EC' && crv === 'P-256' && areText(x, y)) {
    return { jwk: { kty, crv, x, y } as PublicKey, algorithms: ['ES256'] };
  }
  if (kty === 'OKP' && crv === 'Ed25519' && areText(x)) {
    return { jwk: { kty, crv, x } as PublicKey, algorithms: ['EdDSA'] };
  }
  return undefined;
}

function areText(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string' && /^[\w-]+$/.test(value));
}

function importKey(jwk: PublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function weaknessOf({ asymmetricKeyDetails }: KeyObject): string | undefined {
  const { modulusLength, publicExponent } = asymmetricKeyDetails ?? {};
  if (modulusLength === undefined) return undefined;
  if (modulusLength < MIN_MODULUS) {
    return `has ${modulusLength} bits; RSA needs at least ${MIN_MODULUS} (RFC 7518 §3.3)`;
  }
  if (modulusLength > MAX_MODULUS) return `has ${modulusLength} bits; at most ${MAX_MODULUS} are accepted`;
  const exponent = publicExponent ?? 0n;
  if (exponent < 3n || exponent % 2n === 0n || exponent > 0xffffffffn) {
    return `has the public exponent ${exponent}; use 65537`;
  }
  return undefined;
}

/** Whether a key is one that a JWS with this header may be verified with (RFC 7515 §6). */
export function keyFits(
  key: PublicKey,
  { alg, kid }: { readonly alg: AssertionAlgorithm; readonly kid: string | undefined },
): boolean {
  if (kid !== undefined && key.kid !== kid) return false;
  if (key.alg !== undefined) return key.alg === alg;
  return materialOf(key)?.algorithms.includes(alg) ?? false;
}
