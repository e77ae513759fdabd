import { describe, expect, it } from 'vitest';

import { areCredentials } from './basic-credentials.ts';

const basic = (text: string | Buffer): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('areCredentials', () => {
  it.each([
    ['raw, as SDKs send it', basic('cli_a-b_c:s3cret_-')],
    ['form-encoded (RFC 6749 §2.3.1)', basic('cli%5Fa:s%2Dcret')],
    ['a space as plus', basic('a+b:c+d')],
    ['a colon in the secret', basic('a:b:c')],
    ['an encoded colon in the id', basic('https%3A%2F%2Fa:b')],
    ['without padding', basic('a:bc').replaceAll('=', '')],
    ['in lower case', basic('a:b').replace('Basic', 'basic')],
  ])('MCP 42: takes %s', (_what, header) => {
    expect(areCredentials(header)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['the scheme alone', 'Basic'],
    ['the scheme and a space', 'Basic '],
    ['another scheme', `Bearer ${Buffer.from('a:b').toString('base64')}`],
    ['two spaces', basic('a:b').replace(' ', '  ')],
    ['two credentials', `${basic('a:b')}, ${basic('c:d')}`],
    ['no base64', 'Basic a:b'],
    ['base64url', 'Basic Pz8_Og'],
    ['padding in the middle', 'Basic YT==YjpjCg=='],
    ['too much padding', 'Basic YTpi='],
    ['bits that mean nothing', 'Basic YTpiYl=='],
    ['no colon', basic('abc')],
    ['no id', basic(':b')],
    ['no secret', basic('a:')],
    ['neither', basic(':')],
    ['a lone percent', basic('a:100%')],
    ['half an encoding', basic('a%2:b')],
    ['an encoding of no text', basic('a:%ff')],
    ['no UTF-8', basic(Buffer.from([0x61, 0x3a, 0xff]))],
    ['a surrogate in UTF-8', basic(Buffer.from([0x61, 0x3a, 0xed, 0xa0, 0x80]))],
    ['a character outside of ASCII', basic('a:ü')],
    ['a control character', basic('a:b\n')],
    ['an encoded NUL', basic('a:b%00')],
  ])('J10: %s is no credential', (_what, header) => {
    expect(areCredentials(header)).toBe(false);
  });
});
