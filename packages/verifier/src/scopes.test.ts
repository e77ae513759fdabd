import { describe, expect, it } from 'vitest';

import { requireScopes } from './scopes.ts';

const token = (...scopes: string[]) => ({ scopes });

describe('scopes', () => {
  it('are enough when the token has all that are needed', () => {
    expect(requireScopes(token('a', 'b'), ['a', 'b'])).toEqual({ allowed: true });
    expect(requireScopes(token(), [])).toEqual({ allowed: true });
  });

  it('MCP R12: that are missing are asked for together with those that the token has', () => {
    expect(requireScopes(token('files:read', 'mail:read'), ['files:read', 'files:write'])).toEqual({
      allowed: false,
      missing: ['files:write'],
      challenge: ['files:read', 'mail:read', 'files:write'],
    });
  });

  it('MCP R5: never include offline_access when they are asked for', () => {
    expect(requireScopes(token('offline_access'), ['a'])).toMatchObject({ challenge: ['a'] });
  });

  it('MCP R13: a broad scope stands for the narrow ones, through any number of steps', () => {
    const hierarchy = { admin: ['write'], write: ['read'], read: ['admin'] };
    expect(requireScopes(token('admin'), ['read', 'write'], hierarchy).allowed).toBe(true);
    expect(requireScopes(token('read'), ['other'], hierarchy).allowed).toBe(false);
  });

  it('MCP R13: a narrow scope does not stand for the broad one', () => {
    expect(requireScopes(token('read'), ['admin'], { admin: ['read'] }).allowed).toBe(false);
  });

  it('X4: called like members of every object are data', () => {
    expect(requireScopes(token('__proto__', 'constructor'), ['toString']).allowed).toBe(false);
    expect(requireScopes(token('__proto__'), ['__proto__']).allowed).toBe(true);
    const hierarchy = JSON.parse('{"__proto__": ["a"]}');
    expect(requireScopes(token('__proto__'), ['a'], hierarchy).allowed).toBe(true);
  });
});
