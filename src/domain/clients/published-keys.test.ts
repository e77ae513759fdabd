import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { KeySetInvalid, readPublishedKeys } from './published-keys.ts';

const publicOf = ({ publicKey }: { publicKey: { export(o: { format: 'jwk' }): object } }): object =>
  publicKey.export({ format: 'jwk' });
const ec = publicOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const p384 = publicOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }));
const rsa = publicOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const weak = publicOf(generateKeyPairSync('rsa', { modulusLength: 1024 }));
const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 's' };
const exported = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const read = (value: unknown) => readPublishedKeys(Buffer.from(JSON.stringify(value)));

/** Why it is not believed. */
function refusal(bytes: Uint8Array): string {
  try {
    readPublishedKeys(bytes);
    return 'believed';
  } catch (error) {
    if (!(error instanceof KeySetInvalid)) throw error;
    return error.detail;
  }
}

describe('readPublishedKeys', () => {
  it('MCP 43: leaves out what is of no use, and answers what is', () => {
    const keys = [{ ...rsa, use: 'enc' }, { ...rsa, kid: 'k', x5c: ['x'] }, 'x', p384];
    expect(read({ keys })).toEqual([{ ...rsa, kid: 'k' }]);
  });

  it.each([
    ['a private key', { keys: [ec, exported] }, /private/],
    ['a shared key', { keys: [ec, secret] }, /shared/],
    ['a weak key', { keys: [ec, weak] }, /1024 bits/],
    ['no key', { keys: [] }, /no keys/],
    ['only others', { keys: [p384] }, /of a kind/],
    ['a list', [ec], /one JSON object/],
    ['null', null, /one JSON object/],
  ])('K5: believes no set with %s', (_what, set, words) => {
    expect(refusal(Buffer.from(JSON.stringify(set)))).toMatch(words);
  });

  it.each([
    ['half of it', '{"keys":['],
    ['two lists of keys', `{"keys":[],"keys":[${JSON.stringify(ec)}]}`],
    ['a prototype', `{"__proto__":{"keys":[${JSON.stringify(ec)}]}}`],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('K1: believes no set with %s', (_what, text) => {
    expect(refusal(Buffer.from(text))).toMatch(/\S/);
    expect(refusal(Buffer.from(text))).not.toBe('believed');
  });

  it('K4: a hundred thousand keys are not looked at', () => {
    expect(() => read({ keys: Array.from({ length: 100_000 }, () => ec) })).toThrow(
      expect.objectContaining({ detail: 'a key set has at most 100 keys' }),
    );
  });
});
