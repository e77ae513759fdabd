import { describe, expect, it } from 'vitest';

import { nextStep } from './dispatch.ts';

const now = new Date('2026-11-21T12:00:00.500Z');
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
const signedIn = (authTime: Date) => ({
  authTime,
  authAge: (now.getTime() - authTime.getTime()) / 1000,
});
const plain = { authTimeThen: undefined, prompts: new Set<string>(), maxAge: undefined };

describe('nextStep', () => {
  it('asks for a sign-in first, and then for consent', () => {
    expect(nextStep(undefined, plain)).toBe('sign-in');
    expect(nextStep(signedIn(ago(3600)), { ...plain, authTimeThen: ago(3600) })).toBe('consent');
  });

  it('takes a sign-in that the request itself led to, whatever it asks for', () => {
    const strict = { ...plain, prompts: new Set(['login']), maxAge: 1 };
    expect(nextStep(signedIn(ago(120)), strict)).toBe('consent');
  });

  it('M12: does not take the sign-in that stood already for the one that prompt=login asks for', () => {
    const login = { ...plain, prompts: new Set(['login']), authTimeThen: ago(0.2) };
    expect(nextStep(signedIn(ago(0.2)), login)).toBe('sign-in-again');
    expect(nextStep(signedIn(ago(60)), login)).toBe('sign-in-again');
    expect(nextStep(signedIn(ago(0.1)), login)).toBe('consent');
  });

  it('asks again when the sign-in that stood already is older than max_age', () => {
    const recent = { ...plain, maxAge: 60 };
    expect(nextStep(signedIn(ago(120)), { ...recent, authTimeThen: ago(120) })).toBe('sign-in-again');
    expect(nextStep(signedIn(ago(30)), { ...recent, authTimeThen: ago(30) })).toBe('consent');
    expect(nextStep(signedIn(ago(1)), { ...recent, authTimeThen: ago(120) })).toBe('consent');
  });

  it('reads max_age=0 as prompt=login', () => {
    const zero = { ...plain, maxAge: 0, authTimeThen: now };
    expect(nextStep(signedIn(now), zero)).toBe('sign-in-again');
  });
});
