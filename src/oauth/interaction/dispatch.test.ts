import { describe, expect, it } from 'vitest';

import { nextStep } from './dispatch.ts';

const started = 1_800_000_000;
const plain = { startedAt: started, prompts: new Set<string>(), maxAge: undefined };
const signedInAt = (seconds: number) => ({ authTime: new Date(seconds * 1000) });

describe('nextStep', () => {
  it('asks for a sign-in first, and then for consent', () => {
    expect(nextStep(undefined, plain, started)).toBe('sign-in');
    expect(nextStep(signedInAt(started - 3600), plain, started)).toBe('consent');
  });

  it('M12: does not take an old sign-in for the one that prompt=login asks for', () => {
    const login = { ...plain, prompts: new Set(['login']) };
    expect(nextStep(signedInAt(started - 1), login, started + 5)).toBe('sign-in-again');
    expect(nextStep(signedInAt(started + 3), login, started + 5)).toBe('consent');
  });

  it('asks again when the sign-in is older than max_age, and accepts one that answers this request', () => {
    const recent = { ...plain, maxAge: 60 };
    expect(nextStep(signedInAt(started - 120), recent, started)).toBe('sign-in-again');
    expect(nextStep(signedInAt(started - 30), recent, started)).toBe('consent');
    expect(nextStep(signedInAt(started + 1), { ...plain, maxAge: 1 }, started + 120)).toBe('consent');
  });
});
