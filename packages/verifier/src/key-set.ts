import { type CryptoKey, importJWK, type JWK } from 'jose';

import type { CachedDocument } from './cached-document.ts';
import { isObject } from './claims.ts';
import { TokenError } from './token-error.ts';

/** The signature algorithms that an access token may carry. */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256';

/** One public key of the authorization server; the same object for as long as it is published unchanged. */
export interface PublishedKey {
  readonly alg: Algorithm;
  load(): Promise<CryptoKey>;
}

/** The signing keys that a JWKS publishes, by `kid`. */
export type PublishedKeys = ReadonlyMap<string, PublishedKey>;

const MAX_KEYS = 64;
/** Base64url length of a 2048-bit modulus, the least that RFC 7518 §3.3 allows. */
const MIN_MODULUS_LENGTH = 342;

/**
 * Makes the reader of JWKS documents: only asymmetric public keys for signatures (`use: sig`) count.
 *
 * Anything else in the set is passed over and never breaks it. A key that was there before, unchanged,
 * stays the same object: what it verified stays verified, and it is imported once.
 */
export function createJwksReader(algorithms: ReadonlySet<Algorithm>): (json: unknown) => PublishedKeys {
  let known = new Map<string, { readonly fingerprint: string; readonly key: PublishedKey }>();

  return (json) => {
    if (!isObject(json) || !Array.isArray(json['keys'])) throw new Error('the JWKS has no list of keys');
    const next: typeof known = new Map();
    for (const jwk of json['keys'].slice(0, MAX_KEYS)) {
      const alg = signatureAlgorithm(jwk);
      if (alg === undefined || !algorithms.has(alg) || next.has(jwk.kid)) continue;
      const fingerprint = JSON.stringify([alg, jwk.x, jwk.y, jwk.n, jwk.e]);
      const before = known.get(jwk.kid);
      next.set(
        jwk.kid,
        before?.fingerprint === fingerprint ? before : { fingerprint, key: publishedKey(jwk, alg) },
      );
    }
    if (next.size === 0) throw new Error('the JWKS has no usable signing key');
    known = next;
    return new Map([...next].map(([kid, { key }]) => [kid, key]));
  };
}

function publishedKey({ kty, crv, x, y, n, e }: JWK, alg: Algorithm): PublishedKey {
  const members = { kty, crv, x, y, n, e };
  const jwk = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  let imported: Promise<CryptoKey> | undefined;
  return {
    alg,
    load() {
      imported ??= importJWK(jwk as JWK, alg) as Promise<CryptoKey>;
      return imported;
    },
  };
}

/** What a published key may sign with, or undefined for one that is not a public signing key. */
function signatureAlgorithm(jwk: JWK & { kid: string }): Algorithm | undefined {
  if (!isObject(jwk) || typeof jwk.kid !== 'string' || jwk.use !== 'sig' || 'd' in jwk) return undefined;
  const alg = algorithmOfType(jwk);
  return jwk.alg === undefined || jwk.alg === alg ? alg : undefined;
}

function algorithmOfType(jwk: JWK): Algorithm | undefined {
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return 'ES256';
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA';
  if (jwk.kty === 'RSA' && typeof jwk.n === 'string' && jwk.n.length >= MIN_MODULUS_LENGTH) return 'RS256';
  return undefined;
}

interface Deps {
  readonly document: CachedDocument<PublishedKeys>;
  /** Milliseconds between two fetches that unknown keys may cause. */
  readonly cooldown: number;
  readonly now: () => number;
}

/** The keys of the authorization server, as far as they are known here. */
export interface KeySet {
  /** The key of this `kid`. Throws `key_unknown`, or `jwks_unavailable` when that cannot be told. */
  find(kid: string): Promise<PublishedKey>;
  /** Whether this very key is still published. Throws `jwks_unavailable`. */
  holds(kid: string, key: PublishedKey): Promise<boolean>;
}

/**
 * Looks keys up, and asks the authorization server again for one that it has not seen.
 *
 * A flood of made-up `kid` values costs one fetch per cooldown, whatever its rate. An unknown key
 * while the authorization server is out is `jwks_unavailable`: it may be the new key of a rotation,
 * and a false refusal would send every client to sign in again.
 */
export function createKeySet({ document, cooldown, now }: Deps): KeySet {
  let askAgainAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<boolean> | undefined;
  let reachable = true;

  async function read(): Promise<PublishedKeys> {
    try {
      return await document.read();
    } catch (cause) {
      throw new TokenError('jwks_unavailable', 'the JWKS cannot be had', { cause });
    }
  }

  async function askAgain(): Promise<void> {
    if (now() >= askAgainAt) {
      askAgainAt = now() + cooldown;
      asking = document.refresh();
    }
    if (asking !== undefined) reachable = await asking;
  }

  return {
    async find(kid) {
      const known = (await read()).get(kid);
      if (known !== undefined) return known;
      await askAgain();
      const found = (await read()).get(kid);
      if (found !== undefined) return found;
      if (!reachable)
        throw new TokenError('jwks_unavailable', 'the JWKS cannot be had again for an unknown key');
      throw new TokenError('key_unknown', 'no published key has the kid of the token');
    },

    async holds(kid, key) {
      return (await read()).get(kid) === key;
    },
  };
}
