import { describe, expect, it } from 'vitest';

import { challenge } from './challenge.ts';

describe('a challenge', () => {
  it('MCP R6: has no error when no credentials were sent', () => {
    expect(challenge({ scope: ['files:read'], resourceMetadata: 'https://a.example/x' })).toBe(
      'Bearer scope="files:read", resource_metadata="https://a.example/x"',
    );
    expect(challenge({})).toBe('Bearer');
  });

  it('MCP R23: begins with Bearer, whatever it says', () => {
    for (const error of ['invalid_request', 'invalid_token', 'insufficient_scope'] as const) {
      expect(challenge({ error })).toBe(`Bearer error="${error}"`);
    }
  });

  it('cannot be broken out of', () => {
    const evil = 'x", scope="admin", y="\\\r\nSet-Cookie: a=b\u0000é';
    const header = challenge({ error: 'invalid_token', description: evil, resourceMetadata: evil });
    expect(header).toMatch(/^[\x20-\x5b\x5d-\x7e]+$/);
    expect(header.match(/"/g)).toHaveLength(6);
  });

  it('drops what is no scope', () => {
    expect(challenge({ scope: ['a"b', 'files:read', 'c d', ''] })).toBe('Bearer scope="files:read"');
  });
});
