import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { changesBetween, type Snapshot, versionOf } from './snapshot.ts';

const jwk = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const key = jwk();
const BEFORE: Snapshot = {
  client_name: 'App',
  redirect_uris: ['https://app.example/a', 'https://app.example/b'],
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [{ ...key }] },
};

describe('a change of a document', () => {
  it('is none when only the order, a kid or a description is another', () => {
    const after: Snapshot & { readonly client_uri: string } = {
      ...BEFORE,
      redirect_uris: [...BEFORE.redirect_uris].reverse(),
      jwks: { keys: [{ y: key.y, kid: 'new', x: key.x, crv: key.crv, kty: key.kty }] },
      client_uri: 'https://elsewhere.example/',
    };
    expect(versionOf(after)).toBe(versionOf(BEFORE));
    expect(changesBetween(BEFORE, after)).toEqual([]);
  });

  it.each([
    ['name', { client_name: 'Claude' }, ['App'], ['Claude']],
    [
      'redirects',
      { redirect_uris: ['https://app.example/a', 'https://evil.example/'] },
      ['https://app.example/b'],
      ['https://evil.example/'],
    ],
    ['redirects', { redirect_uris: ['https://app.example/a'] }, ['https://app.example/b'], []],
    ['keys', { jwks: { keys: [jwk()] } }, [expect.any(String)], [expect.any(String)]],
    ['keys', { jwks_uri: 'https://app.example/keys' }, [expect.any(String)], ['https://app.example/keys']],
    ['keys', { token_endpoint_auth_method: 'none' }, [expect.any(String)], []],
    ['keys', { token_endpoint_auth_signing_alg: 'ES256' }, [], ['ES256']],
  ] as const)('is one of its %s', (what, more, before, after) => {
    const changed = { ...BEFORE, ...more } as Snapshot;
    expect(versionOf(changed)).not.toBe(versionOf(BEFORE));
    expect(changesBetween(BEFORE, changed)).toEqual([{ what, before, after }]);
  });

  it('tells of everything that is not what it was', () => {
    const other: Snapshot = {
      client_name: 'Other',
      redirect_uris: ['https://other.example/'],
      token_endpoint_auth_method: 'none',
    };
    expect(changesBetween(BEFORE, other).map(({ what }) => what)).toEqual(['name', 'redirects', 'keys']);
  });
});
