import { describe, expect, it } from 'vitest';

import { JsonRefused, parseStrictJson } from './strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

describe('parseStrictJson', () => {
  it.each([
    ['{}', {}],
    [
      '{"a":{"a":1},"b":[{"a":"{\\"a\\":1,\\"a\\":2}"},{"a":2}]}',
      { a: { a: 1 }, b: [{ a: '{"a":1,"a":2}' }, { a: 2 }] },
    ],
    [' { "a" : "x:y" , "c" : ":" } ', { a: 'x:y', c: ':' }],
    ['{"a":"\\\\","b":"\\""}', { a: '\\', b: '"' }],
    ['{"constructor":1,"toString":2}', { constructor: 1, toString: 2 }],
    ['"a"', 'a'],
    ['[]', []],
    ['-1e3', -1000],
  ])('reads %s', (text, value) => expect(parse(text)).toEqual(value));

  it.each([
    ['a member twice', '{"a":1,"a":1}'],
    ['a member twice, spelled differently', '{"a":1,"\\u0061":2}'],
    ['a member twice in the depth', '{"x":[{"a":1,"b":{},"a":2}]}'],
    ['__proto__', '{"__proto__":{"redirect_uris":[]}}'],
    ['__proto__ with an escape', '{"__pr\\u006fto__":1}'],
    ['a byte order mark', '\ufeff{}'],
    ['NaN', '{"a":NaN}'],
    ['Infinity', '{"a":Infinity}'],
    ['a comment', '{}//'],
    ['a comma too many', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['something after it', '{}{}'],
    ['nothing', ''],
    ['a depth of 33', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['a depth of 10,000', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['a depth of 10,000 objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ])('K1: refuses %s', (_what, text) => expect(() => parse(text)).toThrow(JsonRefused));

  it('K1: refuses what is not UTF-8', () => {
    expect(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(JsonRefused);
    expect(() => parseStrictJson(Buffer.from('{}', 'utf16le'))).toThrow(JsonRefused);
  });

  it('K1: gives nothing that it reads to all objects', () => {
    expect(() => parse('{"__proto__":{"admin":true}}')).toThrow(JsonRefused);
    parse('{"constructor":{"prototype":{"admin":true}}}');
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});
