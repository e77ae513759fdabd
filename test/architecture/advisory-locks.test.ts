import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ADVISORY_LOCKS, EMBEDDED_LOCKS } from '../../src/platform/database/advisory-locks.ts';

const REGISTRY = 'src/platform/database/advisory-locks.ts';

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.includes('/generated/'))
  .map((name) => join('src', name))
  .filter((path) => path !== REGISTRY)
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

describe('advisory locks', () => {
  it('SEC-L8: have a number each', () => {
    const numbers = Object.values(ADVISORY_LOCKS);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(EMBEDDED_LOCKS.inUse).not.toBe(EMBEDDED_LOCKS.owned);
  });

  it('SEC-L8: take their numbers from the registry in every source file that locks', () => {
    const locking = sources.filter(({ text }) => /advisory_(xact_)?lock/.test(text));
    expect(locking.length).toBeGreaterThan(4);
    const withoutRegistry = locking.filter(({ text }) => !/\b(ADVISORY|EMBEDDED)_LOCKS\b/.test(text));
    expect(withoutRegistry.map(({ path }) => path)).toEqual([]);
    const numbers = Object.values(ADVISORY_LOCKS).map(String);
    const repeated = sources.filter(({ text }) => {
      const digits = text.replace(/(?<=\d)_(?=\d)/g, '');
      return numbers.some((number) => digits.includes(number));
    });
    expect(repeated.map(({ path }) => path)).toEqual([]);
  });
});
