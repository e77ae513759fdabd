import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseSync } from '@swc/core';
import { analyse } from 'scslre';
import { describe, expect, it } from 'vitest';

import { readCredentials } from '../../packages/verifier/src/credentials.ts';
import { parsePattern } from '../../src/domain/admission/pattern.ts';
import { checkRedirectUri, redirectUriMatches } from '../../src/domain/clients/index.ts';
import { canonicalizeResource } from '../../src/domain/resources/index.ts';
import { refuseScopeToken } from '../../src/domain/resources/scope-token.ts';
import { normalizeEmail, validEmail } from '../../src/domain/users/user.ts';
import { areCredentials } from '../../src/oauth/token/basic-credentials.ts';
import { MAX_BODY_BYTES } from '../../src/platform/http/limits.ts';

const root = resolve(import.meta.dirname, '../..');

interface Expression {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** Every regular expression that is written down in what we ship. */
function expressions(): readonly Expression[] {
  const files = globSync('{src,packages/*/src,examples,views}/**/*.{ts,js}', {
    cwd: root,
    exclude: (path) => /node_modules|\/generated\//.test(path),
  });
  return files
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => expressionsIn(file, readFileSync(join(root, file), 'utf8')));
}

function expressionsIn(file: string, text: string): Expression[] {
  const found: Expression[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, pattern, flags } = node as { type?: unknown; pattern?: string; flags?: string };
    if (type === 'RegExpLiteral') found.push({ file, source: pattern ?? '', flags: flags ?? '' });
    for (const child of Object.values(node)) walk(child);
  };
  walk(parseSync(text, { syntax: 'typescript', target: 'es2022' }));
  return found;
}

/** What makes the matching of an expression take more than linear time, in words. */
function slow({ file, source, flags }: Expression): readonly string[] {
  const { reports } = analyse({ source, flags });
  return reports.map(
    ({ exponential }) => `${file}: /${source}/${flags} is ${exponential ? 'exponential' : 'polynomial'}`,
  );
}

describe('regular expressions', () => {
  it('X3: none of ours takes more than linear time, whatever it is held against', () => {
    const all = expressions();
    expect(all.length).toBeGreaterThan(150);
    expect(all.flatMap(slow)).toEqual([]);
  });

  it('X3: what an administrator writes as a pattern becomes one that is linear too', () => {
    const { expression } = parsePattern('https://a.example/*/*/*/client.json');
    expect(slow({ file: 'pattern', source: expression, flags: '' })).toEqual([]);
  });

  it.each([
    ['exponential', '^(a+)+$'],
    ['exponential', '^(\\w+\\s?)*$'],
    ['polynomial', '\\/+$'],
    ['polynomial', '^a*a*$'],
  ])('the guard guards: %s ones are found', (kind, source) => {
    expect(slow({ file: 'planted.ts', source, flags: '' })).toEqual([`planted.ts: /${source}/ is ${kind}`]);
  });

  it('the guard finds them where they stand', () => {
    const planted = 'class A { b = <T>(c: T) => String(c).replace(/(x+)+y/u, "") }';
    expect(expressionsIn('planted.ts', planted)).toEqual([
      { file: 'planted.ts', source: '(x+)+y', flags: 'u' },
    ]);
  });
});

describe('what is read from outside, at the length of the longest body', () => {
  /** Repeated, and ended by what does not fit. */
  const pieces = [
    'a',
    'a.',
    '.',
    '-',
    '/',
    '/../',
    '%2e',
    '%',
    ' ',
    '=',
    'a=',
    '@',
    'a@',
    '\\',
    ':',
    '[',
    '?',
    '\t',
    'é',
    'ʼ',
  ];
  const hostile = pieces.flatMap((piece) =>
    ['', '!', '\n', '\0', '\u{1f980}'].map((end) => piece.repeat(MAX_BODY_BYTES / piece.length) + end),
  );

  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    scope: (text) => text.split(' ').map(refuseScopeToken),
    'redirect URI': (text) => [
      checkRedirectUri(text),
      checkRedirectUri(`https://${text}`),
      checkRedirectUri(`com.example:/${text}`),
      redirectUriMatches(`http://127.0.0.1/${text}`, `http://127.0.0.1:1/${text}x`),
    ],
    resource: (text) => [canonicalizeResource(text), canonicalizeResource(`https://a.example/${text}`)],
    'e-mail address': (text) => [normalizeEmail(text), validEmail(`${text}@${text}`)],
    'pattern of a rule': (text) => parsePattern(`https://a.example/${text}`),
    'Authorization header': (text) => [
      areCredentials(`Basic ${text}`),
      readCredentials([`Bearer ${text}`], ''),
      readCredentials([text], ''),
    ],
  };

  // A quadratic reader takes minutes for these, an exponential one does not end: the test would.
  it.each(Object.entries(readers))('X3: a hostile %s is read to its end', (_what, read) => {
    let answered = 0;
    for (const text of hostile) {
      try {
        read(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_input' });
      }
      answered += 1;
    }
    expect(answered).toBe(hostile.length);
  });
});
