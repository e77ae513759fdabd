import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';

import { signJwt } from './sign-jwt.ts';

const claims = { iss: 'https://issuer.example', sub: 'usr_a', name: 'Å “quoted”', exp: 4_102_444_800 };

describe('signJwt', () => {
  it.each([
    { alg: 'ES256', pair: generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
    { alg: 'EdDSA', pair: generateKeyPairSync('ed25519') },
    { alg: 'RS256', pair: generateKeyPairSync('rsa', { modulusLength: 2048 }) },
  ] as const)('with $alg, makes what jose verifies', async ({ alg, pair }) => {
    const token = await signJwt(claims, { typ: 'at+jwt', kid: 'a', alg }, pair.privateKey);

    const { payload, protectedHeader } = await jwtVerify(token, pair.publicKey, { algorithms: [alg] });
    expect(payload).toEqual(claims);
    expect(protectedHeader).toEqual({ typ: 'at+jwt', kid: 'a', alg });
  });

  it('keeps an integer of ES256 at its 32 bytes, however many of them are zeros', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const lengths = new Set<number>();
    let zeros = 0;
    // One signature in 128 begins one of its integers with a zero byte.
    for (let n = 0; n < 20_000 && zeros < 2; n += 1) {
      const token = await signJwt({ n }, { typ: 'JWT', kid: 'a', alg: 'ES256' }, privateKey);
      const signature = Buffer.from(token.split('.')[2] ?? '', 'base64url');
      lengths.add(signature.length);
      if (signature[0] !== 0 && signature[32] !== 0) continue;
      zeros += 1;
      await jwtVerify(token, publicKey, { algorithms: ['ES256'] });
    }
    expect(zeros).toBe(2);
    expect([...lengths]).toEqual([64]);
  });
});
