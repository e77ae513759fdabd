import { type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';

import type { SigningAlgorithm } from './key.ts';

const signElsewhere = promisify(sign);

/**
 * A JWT in the compact serialization (RFC 7515 §7.1) of claims that are ours, signed with `node:crypto`.
 *
 * An ES256 or EdDSA signature takes less time than handing it to another thread and taking it back, which
 * is what WebCrypto does with every one, so those are made in place. RS256 takes ten times as long and is
 * made elsewhere.
 */
export async function signJwt(
  claims: object,
  header: { readonly typ: string; readonly kid: string; readonly alg: SigningAlgorithm },
  privateKey: KeyObject,
): Promise<string> {
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = await signatureOf(Buffer.from(input), header.alg, privateKey);
  return `${input}.${signature.toString('base64url')}`;
}

function signatureOf(input: Buffer, algorithm: SigningAlgorithm, key: KeyObject): Buffer | Promise<Buffer> {
  switch (algorithm) {
    case 'ES256':
      return sideBySide(sign('sha256', input, key));
    case 'EdDSA':
      return sign(undefined, input, key);
    case 'RS256':
      return signElsewhere('sha256', input, key);
  }
}

/** Bytes of an integer of P-256. */
const SIZE = 32;

/**
 * A signature on P-256 as JOSE wants it, the two integers side by side (RFC 7518 §3.4), from what OpenSSL
 * makes by itself: a sequence of two integers without leading zeros, but one before a first bit that is set
 * (RFC 3279 §2.2.3). Asked for the other form, `node:crypto` takes twice as long for the signature.
 */
function sideBySide(der: Buffer): Buffer {
  const signature = Buffer.alloc(2 * SIZE);
  let at = 2;
  for (const end of [SIZE, 2 * SIZE]) {
    const length = der.readUInt8(at + 1);
    const integer = der.subarray(at + 2, at + 2 + length);
    const digits = integer.subarray(Math.max(0, length - SIZE));
    digits.copy(signature, end - digits.length);
    at += 2 + length;
  }
  return signature;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
