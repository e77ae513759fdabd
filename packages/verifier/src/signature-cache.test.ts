import { expect, it } from 'vitest';

import { createSignatureCache, digestOf, type SignedToken } from './signature-cache.ts';

const signed = { kid: 'key-1' } as SignedToken;

it('remembers no more than its size, and forgets first what was used longest ago', () => {
  const cache = createSignatureCache(2);
  cache.set('a', signed);
  cache.set('b', signed);
  cache.get('a');
  cache.set('c', signed);
  expect(['a', 'b', 'c'].filter((digest) => cache.get(digest) !== undefined)).toEqual(['a', 'c']);
});

it('of size 0 remembers nothing', () => {
  const cache = createSignatureCache(0);
  cache.set('a', signed);
  expect(cache.get('a')).toBeUndefined();
});

it('names a token by its SHA-256 and never by itself', () => {
  expect(digestOf('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
});
