import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { REASONS, reasonLabel } from './reasons.ts';

const SOURCE = fileURLToPath(new URL('..', import.meta.url));
const sourceOf = (path: string) => readFileSync(`${SOURCE}/${path}`, 'utf8');
const wordsOf = (path: string, pattern: RegExp) =>
  [...sourceOf(path).matchAll(pattern)].map(([, word = '']) => word);

/** How a refusal says why, wherever it is decided. */
const EVERYWHERE =
  /(?:outcome: 'refused', reason: |PasskeyRefused\(|new Refusal\(|refused\(ctx, |spentAndRefused\(ctx, code, |refuse\()'([a-z_]+)'/g;

describe('reasonLabel', () => {
  it('knows every word that we refuse with', () => {
    const files = globSync(['oauth/**/*.ts', 'domain/**/*.ts', 'sign-in/**/*.ts'], { cwd: SOURCE });
    const said = [
      ...files.filter((file) => !file.endsWith('.test.ts')).flatMap((file) => wordsOf(file, EVERYWHERE)),
      ...wordsOf('oauth/refusals/reasons.ts', /, '([a-z_]+)'\],$/gm),
      ...wordsOf('oauth/token/grants/authority.ts', /return '([a-z_]+)'/g),
      ...wordsOf('oauth/token/grants/authorization-code.ts', /return '([a-z_]+)'/g),
      ...wordsOf('oauth/authorization/configuration/resources.ts', /'(resource_[a-z]+)'/g),
      ...wordsOf('domain/sessions/sign-in.ts', /return (?:enrolled \? )?'([a-z_]+)'/g),
      ...wordsOf('oauth/registration/limits.ts', /^ {2}(registration\w*): '/gm),
      ...wordsOf('oauth/registration/registration.ts', /'(registration_[a-z_]+)'/g),
      ...wordsOf('oauth/registration/management.ts', /'(registration_[a-z_]+)'/g),
      ...wordsOf('domain/clients/registration/registration-token.ts', /^ {2}\| '([a-z_]+)'/gm),
      ...wordsOf('domain/clients/redirect-uri.ts', /^ {2}\| '([a-z_]+)'/gm),
      ...wordsOf('domain/authority/effective.ts', /^ {2}\| '([a-z_]+)'/gm).filter((word) =>
        word.includes('_'),
      ),
    ];

    expect(said.length).toBeGreaterThan(60);
    expect([...new Set(said)].filter((word) => !REASONS.has(word))).toEqual([]);
  });

  it('keeps the code of a refusal that goes on with a sentence, and nothing of the sentence', () => {
    expect(reasonLabel('invalid_client: invalid secret provided')).toBe('invalid_client');
    expect(reasonLabel('pkce_mismatch')).toBe('pkce_mismatch');
  });

  it('makes no label of what is not known beforehand', () => {
    expect(reasonLabel('ada@example.com')).toBe('other');
    expect(reasonLabel('made_up')).toBe('other');
    expect(reasonLabel('__proto__')).toBe('other');
    expect(reasonLabel('')).toBe('other');
    expect(reasonLabel(null)).toBe('none');
  });
});
