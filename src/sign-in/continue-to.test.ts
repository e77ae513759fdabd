import { describe, expect, it } from 'vitest';

import { safeContinue } from './continue-to.ts';

describe('safeContinue', () => {
  it.each(['/', '/account', '/interaction/abc?x=1&y=%2F#z', '/a//b', '/.//evil.example'])(
    'keeps %s',
    (path) => {
      expect(safeContinue(path, '/fallback')).toBe(path);
    },
  );

  it.each([
    undefined,
    ['/account', '/other'],
    '',
    'account',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    ' //evil.example',
    '/ä',
    'https://evil.example/',
    'javascript:alert(1)',
    `/${'a'.repeat(3000)}`,
  ])('never leaves this server for %j', (path) => {
    expect(safeContinue(path, '/fallback')).toBe('/fallback');
  });
});
