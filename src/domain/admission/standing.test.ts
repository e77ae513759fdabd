import { describe, expect, it } from 'vitest';

import { TRUST_LEVELS } from '../authority/index.ts';

import { admitDocument, trustOf } from './standing.ts';

describe('admitDocument', () => {
  it('K14: off lets nothing in, whatever the rules say', () => {
    for (const ruled of [undefined, ...TRUST_LEVELS]) {
      expect(admitDocument('off', ruled)).toEqual({ allowed: false, reason: 'client_documents_off' });
    }
  });

  it('lets in what a rule speaks of, at the level of the rule, in every other mode', () => {
    for (const mode of ['allowlist', 'review', 'open'] as const) {
      for (const trust of ['untrusted', 'known', 'trusted', 'first_party'] as const) {
        expect(admitDocument(mode, trust)).toEqual({ allowed: true, trust });
      }
      expect(admitDocument(mode, 'blocked')).toEqual({ allowed: false, reason: 'client_blocked' });
    }
  });

  it('K14: what no rule speaks of is a stranger, waits, or is refused', () => {
    expect(admitDocument('open', undefined)).toEqual({ allowed: true, trust: 'untrusted' });
    expect(admitDocument('review', undefined)).toEqual({ allowed: false, reason: 'client_awaits_review' });
    expect(admitDocument('allowlist', undefined)).toEqual({ allowed: false, reason: 'client_not_allowed' });
  });
});

describe('trustOf', () => {
  it('leaves a client that was registered here what it was given, in every mode', () => {
    for (const mode of ['off', 'allowlist', 'review', 'open'] as const) {
      for (const registration of ['preregistered', 'dynamic']) {
        for (const standing of TRUST_LEVELS) expect(trustOf(mode, { registration, standing })).toBe(standing);
      }
    }
  });

  it('blocks a document that is not let in', () => {
    const unruled = { registration: 'document', standing: undefined };
    expect(trustOf('allowlist', unruled)).toBe('blocked');
    expect(trustOf('off', { registration: 'document', standing: 'trusted' })).toBe('blocked');
    expect(trustOf('open', unruled)).toBe('untrusted');
    expect(trustOf('review', { registration: 'document', standing: 'known' })).toBe('known');
  });
});
