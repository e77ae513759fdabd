import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { readKeys } from './registered-keys.ts';

type Jwk = Readonly<Record<string, unknown>>;

const publicOf = ({ publicKey }: { publicKey: { export(o: { format: 'jwk' }): object } }): Jwk => ({
  ...publicKey.export({ format: 'jwk' }),
});
const ec = publicOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const p384 = publicOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }));
const ed = publicOf(generateKeyPairSync('ed25519'));
const rsa = publicOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const weak = publicOf(generateKeyPairSync('rsa', { modulusLength: 1024 }));
const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 's' };
const exported = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const refusal = (body: Jwk, method: 'private_key_jwt' | 'none' = 'private_key_jwt'): string => {
  const read = readKeys(body, method);
  return read.ok ? 'accepted' : read.reason;
};
const refusalOf = (...keys: readonly unknown[]): string => refusal({ jwks: { keys } });

describe('readKeys', () => {
  it('MCP 43: takes what makes RS256, PS256, ES256 and EdDSA, and keeps of it what verifies', () => {
    const keys = [
      { ...rsa, alg: 'RS256', kid: 'a', use: 'sig', x5t: 'x', extra: null },
      { ...rsa, alg: 'PS256' },
      { ...ec, key_ops: ['verify'] },
      { ...ed, alg: 'EdDSA' },
    ];
    expect(readKeys({ jwks: { keys } }, 'private_key_jwt')).toEqual({
      ok: true,
      value: {
        jwks: {
          keys: [{ ...rsa, alg: 'RS256', kid: 'a', use: 'sig' }, { ...rsa, alg: 'PS256' }, ec, keys[3]],
        },
      },
    });
  });

  it('a key that is for something else may stand beside one that is for us', () => {
    const read = readKeys({ jwks: { keys: [{ ...rsa, use: 'enc' }, p384, ec] } }, 'private_key_jwt');
    expect(read).toEqual({ ok: true, value: { jwks: { keys: [ec] } } });
  });

  it('K5: a private or shared key is refused, also beside a good one, and where no key is needed', () => {
    expect(refusalOf(ec, { ...exported, kid: 'mine' })).toMatch(
      /"mine" of jwks is a private key.*replace it/,
    );
    expect(refusalOf(ec, secret)).toMatch(/"s" of jwks is a shared secret/);
    expect(refusal({ jwks: { keys: [secret] } }, 'none')).toMatch(/shared secret/);
    expect(refusalOf({ ...ec, k: 'x' })).toMatch(/private key/);
    expect(refusalOf({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'x', priv: 'x' })).toMatch(/private key/);
  });

  it.each([
    ['1024 bits of RSA', [weak], /key 1 of jwks has 1024 bits; RSA needs at least 2048/],
    ['an exponent that proves nothing', [{ ...rsa, e: 'AQ' }], /public exponent 1; use 65537/],
    ['RS512', [{ ...rsa, alg: 'RS512', kid: 'k' }], /"k" of jwks is for RS512, which is not one of RS256/],
    ['HS256', [{ ...rsa, alg: 'HS256' }], /is for HS256/],
    ['ES256 of an RSA key', [{ ...rsa, alg: 'ES256' }], /is for ES256/],
    ['another curve', [p384], /of a kind that makes none of RS256, PS256, ES256, EdDSA/],
    ['encryption', [{ ...ec, use: 'enc' }], /not for signatures/],
    ['signing only', [{ ...ec, key_ops: ['sign'] }], /not for verifying/],
    ['a point that is not on the curve', [{ ...ec, x: ec['y'] }], /not a valid key/],
    ['no point', [{ kty: 'EC', crv: 'P-256' }], /of a kind/],
    ['numbers', [{ ...ec, x: 1 }], /of a kind/],
    ['no object', ['x'], /not a JSON object/],
    ['an endless kid', [{ ...ec, kid: 'x'.repeat(513) }], /a kid/],
  ])('refuses a set with nothing but a key of %s, and says why', (_what, keys, words) => {
    expect(refusalOf(...keys)).toMatch(words);
  });

  it('refuses an algorithm that none of the keys is for', () => {
    const refused = refusal({ jwks: { keys: [ec] }, token_endpoint_auth_signing_alg: 'RS256' });
    expect(refused).toBe('no key of jwks can be used for RS256');
  });

  it.each([
    'http://c.example/k',
    'https://u:p@c.example/k',
    'https://c.example/k#a',
    'k',
    `https://c.example/${'x'.repeat(2048)}`,
  ])('refuses the jwks_uri %s', (jwks_uri) => {
    expect(refusal({ jwks_uri })).toMatch(/jwks_uri must be/);
  });
});
