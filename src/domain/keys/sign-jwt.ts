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
      // RFC 7518 §3.4: the two integers side by side, not in DER.
      return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA':
      return sign(undefined, input, key);
    case 'RS256':
      return signElsewhere('sha256', input, key);
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
