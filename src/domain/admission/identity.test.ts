import { describe, expect, it } from 'vitest';

import { TRUST_LEVELS } from '../authority/index.ts';

import { clientIdentity, type IdentityFacts } from './identity.ts';

const WEB = ['https://app.example/cb'];
const facts: IdentityFacts = {
  registration: 'preregistered',
  trust: 'known',
  trustGiven: false,
  redirectUris: WEB,
};

describe('clientIdentity', () => {
  it.each(['preregistered', 'dynamic', 'document'])(
    'SEC-M5: clientIdentity returns unverified when a %s client is untrusted or blocked',
    (registration) => {
      for (const trust of ['untrusted', 'blocked'] as const)
        for (const trustGiven of [true, false])
          expect(clientIdentity({ registration, trust, trustGiven, redirectUris: WEB })).toBe('unverified');
    },
  );

  it('SEC-M5: clientIdentity never returns verified when a client registered with a token', () => {
    for (const trust of TRUST_LEVELS)
      expect(clientIdentity({ ...facts, registration: 'dynamic', trust })).not.toBe('verified');
    expect(clientIdentity({ ...facts, registration: 'dynamic' })).toBe('registration_token');
  });

  it('SEC-M5: clientIdentity returns verified when an administrator trusts exactly this client', () => {
    expect(clientIdentity({ ...facts, registration: 'dynamic', trustGiven: true })).toBe('verified');
  });

  it('SEC-M5: clientIdentity returns verified when a rule names the document, whatever its redirect', () => {
    const loopback = ['http://127.0.0.1/cb'];
    expect(clientIdentity({ ...facts, registration: 'document', redirectUris: loopback })).toBe('verified');
  });

  it.each([
    ['http://127.0.0.1/cb'],
    ['http://localhost:1/cb'],
    ['https://127.0.0.1/cb'],
    ['cursor://anysphere.cursor-mcp/cb'],
    ['com.example.app:/cb'],
    [...WEB, 'http://127.0.0.1/cb'],
  ])(
    'NEW-15, SEC-M5: clientIdentity returns approved when a pre-registered client has %s',
    (...redirectUris) => {
      expect(clientIdentity({ ...facts, redirectUris })).toBe('approved');
      expect(clientIdentity({ ...facts, registration: 'dynamic', trustGiven: true, redirectUris })).toBe(
        'approved',
      );
    },
  );

  it('SEC-M5: clientIdentity returns verified when a pre-registered client has an https redirect', () => {
    expect(clientIdentity(facts)).toBe('verified');
    expect(clientIdentity({ ...facts, redirectUris: [] })).toBe('approved');
  });
});
