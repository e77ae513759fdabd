import { describe, expect, it } from 'vitest';

import { type AuthorityFacts, effectiveAuthority } from './effective.ts';
import { TRUST_LEVELS } from './levels.ts';

const facts: AuthorityFacts = {
  requested: ['files:read', 'files:write'],
  offered: ['files:read', 'files:write', 'files:delete'],
  destructive: new Set(['files:delete']),
  admitsStrangers: true,
  permitted: 'all',
  trust: 'known',
  consent: { state: 'being_asked' },
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
      consent: { state: 'given', scopes: ['files:read', 'files:write', 'files:delete'] },
    });
    expect(result.scopes).toEqual(['files:read']);
  });

  it('says why each scope fell out', () => {
    const result = effectiveAuthority({
      ...facts,
      requested: ['files:read', 'files:write', 'files:delete', 'mail:send', '__proto__'],
      permitted: new Set(['files:read', 'files:write', '__proto__']),
      consent: { state: 'given', scopes: ['files:read'] },
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
    expect(effectiveAuthority({ ...facts, trust: 'blocked' })).toEqual({
      scopes: [],
      dropped: [
        { scope: 'files:read', reason: 'client_blocked' },
        { scope: 'files:write', reason: 'client_blocked' },
      ],
    });
  });

  it('leaves a client that nobody vouches for nothing where strangers are not admitted, and every other what it had', () => {
    const closed = { ...facts, admitsStrangers: false };
    expect(effectiveAuthority({ ...closed, trust: 'untrusted' })).toEqual({
      scopes: [],
      dropped: [
        { scope: 'files:read', reason: 'strangers_not_admitted' },
        { scope: 'files:write', reason: 'strangers_not_admitted' },
      ],
    });
    for (const trust of ['known', 'trusted', 'first_party'] as const) {
      expect(effectiveAuthority({ ...closed, trust }).scopes).toEqual(facts.requested);
    }
  });

  it('gives no level more than one above it, whatever the facts', () => {
    const requested = ['files:read', 'files:write', 'files:delete', 'mail:send'];
    for (const admitsStrangers of [true, false]) {
      for (const permitted of ['all', new Set(['files:read', 'files:delete'])] as const) {
        const given = TRUST_LEVELS.map(
          (trust) => effectiveAuthority({ ...facts, requested, admitsStrangers, permitted, trust }).scopes,
        );
        for (const [at, scopes] of given.entries()) {
          expect(given[at + 1] ?? scopes).toEqual(expect.arrayContaining([...scopes]));
        }
      }
    }
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
