import { describe, expect, it } from 'vitest';

import { type AuthorityFacts, effectiveAuthority } from './effective.ts';

const facts: AuthorityFacts = {
  requested: ['files:read', 'files:write'],
  offered: ['files:read', 'files:write', 'files:delete'],
  destructive: new Set(['files:delete']),
  permitted: 'all',
  trust: 'known',
  consented: undefined,
};

describe('effectiveAuthority', () => {
  it('gives what was asked for when nobody objects, in the order of the request', () => {
    expect(effectiveAuthority({ ...facts, requested: ['files:write', 'files:read'] })).toEqual({
      scopes: ['files:write', 'files:read'],
      dropped: [],
    });
  });

  it('never gives what was not asked for, whatever was consented, permitted and offered', () => {
    const result = effectiveAuthority({
      ...facts,
      requested: ['files:read'],
      consented: ['files:read', 'files:write', 'files:delete'],
    });
    expect(result.scopes).toEqual(['files:read']);
  });

  it('says why each scope fell out', () => {
    const result = effectiveAuthority({
      ...facts,
      requested: ['files:read', 'files:write', 'files:delete', 'mail:send', '__proto__'],
      permitted: new Set(['files:read', 'files:write', '__proto__']),
      consented: ['files:read'],
    });
    expect(result).toEqual({
      scopes: ['files:read'],
      dropped: [
        { scope: 'files:write', reason: 'not_consented' },
        { scope: 'files:delete', reason: 'not_permitted_by_role' },
        { scope: 'mail:send', reason: 'not_offered_by_resource' },
        { scope: '__proto__', reason: 'not_offered_by_resource' },
      ],
    });
  });

  it('leaves a blocked client nothing', () => {
    expect(effectiveAuthority({ ...facts, trust: 'blocked' }).scopes).toEqual([]);
  });

  it('keeps what is destructive from a client that nobody vouches for, and from no other', () => {
    const requested = ['files:read', 'files:delete'];
    expect(effectiveAuthority({ ...facts, requested, trust: 'untrusted' })).toEqual({
      scopes: ['files:read'],
      dropped: [{ scope: 'files:delete', reason: 'above_client_trust' }],
    });
    for (const trust of ['known', 'trusted', 'first_party'] as const) {
      expect(effectiveAuthority({ ...facts, requested, trust }).scopes).toEqual(requested);
    }
  });

  it('counts a doubled scope once', () => {
    expect(effectiveAuthority({ ...facts, requested: ['files:read', 'files:read'] }).scopes).toEqual([
      'files:read',
    ]);
  });
});
