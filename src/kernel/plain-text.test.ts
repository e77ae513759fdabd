import { describe, expect, it } from 'vitest';

import { plainText } from './plain-text.ts';

describe('plainText', () => {
  it.each([
    ['Claude', 'Claude'],
    ['  Claude \n\t Code  ', 'Claude Code'],
    ['Łódź 日本語 עברית नमस्ते', 'Łódź 日本語 עברית नमस्ते'],
    ['Cla\u200bu\u200cd\u200de', 'Claude'],
    ['Claude\u202e edoC\u202c\u2066\u2069\ufeff\u200e\u200f\u061c', 'Claude edoC'],
    ['\u0000\u001b[31mred\u007f\u0085', '[31mred'],
    ['Cl\u00adau\u034fde\u3164\u115f\u180e\u2800', 'Claude'],
    ['Claude\u{e0063}\u{e0061}\u{e007f}', 'Claude'],
    ['Claude\ud800', 'Claude'],
    ['a\u2028b\u2029c', 'a b c'],
    ['\u202e\u200b \ufeff', ''],
    ['', ''],
  ])('K12: %j becomes %j', (value, expected) => {
    expect(plainText(value, 100)).toBe(expected);
  });

  it('K12: marks do not pile up over the lines around a name', () => {
    expect(plainText(`Z${'\u0353'.repeat(500)}algo`, 100)).toBe('Z\u0353\u0353\u0353algo');
  });

  it('K12: a name of ten thousand characters is cut, and none is cut in two', () => {
    expect(plainText('x'.repeat(10_000), 200)).toBe('x'.repeat(200));
    expect(plainText('😀'.repeat(10_000), 200)).toBe('😀'.repeat(200));
    expect(plainText(`${'x'.repeat(199)} y`, 200)).toBe('x'.repeat(199));
  });
});
