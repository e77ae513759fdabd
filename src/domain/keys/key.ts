import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, type JWK } from 'jose';

export type SigningAlgorithm = 'ES256' | 'EdDSA' | 'RS256';

/**
 * `next` is published and does not sign yet; `current` signs; `retired` only verifies, and only for a
 * while; `revoked` was compromised, or lay beside a key that was, and verifies nothing.
 */
export type KeyState = 'next' | 'current' | 'retired' | 'revoked';

/** A public key as the JWKS shows it (RFC 7517 §4). Nothing private has a place in this type. */
export interface PublicJwk {
  readonly kty: string;
  readonly use: 'sig';
  readonly alg: SigningAlgorithm;
  /** JWK thumbprint, SHA-256 (RFC 7638). */
  readonly kid: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

/** A key as an administrator sees it. */
export interface KeyInfo {
  readonly kid: string;
  readonly algorithm: string;
  readonly state: KeyState;
  /** When it came into this state. */
  readonly since: Date;
  /** When it leaves this state by itself: a next key to sign, a retired one to be no longer published. */
  readonly until: Date | undefined;
  readonly createdAt: Date;
  /** Whether verifiers still find it in the JWKS. */
  readonly published: boolean;
}

const RSA_BITS = 2048;
const generate = promisify(generateKeyPair);

/** Makes a key pair; `pkcs8` is the private part in DER, to be sealed. */
export async function generateKey(
  algorithm: SigningAlgorithm,
): Promise<{ readonly publicJwk: PublicJwk; readonly pkcs8: Buffer }> {
  const { privateKey } = await {
    ES256: () => generate('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generate('ed25519'),
    RS256: () => generate('rsa', { modulusLength: RSA_BITS }),
  }[algorithm]();
  return {
    publicJwk: await publicJwkOf(createPublicKey(privateKey), algorithm),
    pkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }),
  };
}

export function readPrivateKey(pkcs8: Buffer): KeyObject {
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
}

async function publicJwkOf(key: KeyObject, alg: SigningAlgorithm): Promise<PublicJwk> {
  const jwk = key.export({ format: 'jwk' });
  const kid = await calculateJwkThumbprint(jwk as JWK, 'sha256');
  return toPublicJwk({ ...jwk, kid, alg });
}

/**
 * What may be published of a stored JWK: named members only, so that nothing private leaves by being
 * there (RFC 7517 §9.2).
 */
export function toPublicJwk(jwk: Readonly<Record<string, unknown>>): PublicJwk {
  const members = ['kty', 'kid', 'alg', 'crv', 'x', 'y', 'n', 'e'].flatMap((name) =>
    typeof jwk[name] === 'string' ? [[name, jwk[name]] as const] : [],
  );
  return { ...Object.fromEntries(members), use: 'sig' } as unknown as PublicJwk;
}
