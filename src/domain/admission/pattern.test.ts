import { describe, expect, it } from 'vitest';

import { InvalidInput } from '../../kernel/errors.ts';

import { isDocumentUrl } from '../clients/index.ts';
import { highestTrust, nameOfClient, parsePattern } from './pattern.ts';

const speaksOf = (pattern: string, url: string) => new RegExp(parsePattern(pattern).expression).test(url);

describe('parsePattern', () => {
  it('reads a URL, a template and a host', () => {
    expect(parsePattern('https://claude.ai/oauth/claude-code-client-metadata')).toMatchObject({
      kind: 'url',
      host: 'claude.ai',
      specificity: 2,
    });
    expect(parsePattern('https://chatgpt.com/oauth/*/client.json')).toMatchObject({
      kind: 'template',
      host: 'chatgpt.com',
      specificity: 1,
    });
    for (const host of ['https://app.example:8443', 'https://app.example:8443/']) {
      expect(parsePattern(host)).toMatchObject({
        kind: 'host',
        text: 'https://app.example:8443',
        host: 'app.example:8443',
        specificity: 0,
      });
    }
  });

  it.each([
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgpt.com/oauth/c0ffee/client.json', true],
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgpt.com/oauth//client.json', false],
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgpt.com/oauth/a/b/client.json', false],
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgpt.com/oauth/a?x=/client.json', false],
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgpt.com/oauth/a/client.json?x', false],
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgpt.com/oauth/a/client_json', false],
    ['https://chatgpt.com/oauth/*/client.json', 'https://chatgptxcom/oauth/a/client.json', false],
    [
      'https://chatgpt.com/oauth/*/client.json',
      'https://evil.example/https://chatgpt.com/oauth/a/client.json',
      false,
    ],
    [
      'https://chatgpt.com/oauth/*/client.json',
      'https://chatgpt.com.evil.example/oauth/a/client.json',
      false,
    ],
    ['https://app.example/client.json', 'https://app.example/client.json', true],
    ['https://app.example/client.json', 'https://app.example/client.json/', false],
    ['https://app.example/client.json', 'https://app.example/Client.json', false],
    ['https://app.example/a/client.json?v=1', 'https://app.example/a/client.json?v=1', true],
    ['https://app.example/a/client.json?v=1', 'https://app.example/a/client.json?v=2', false],
    ['https://app.example/(a+)+$/c', 'https://app.example/(a+)+$/c', true],
    ['https://app.example/(a+)+$/c', 'https://app.example/aaaa/c', false],
    ['https://app.example', 'https://app.example/any/where.json', true],
    ['https://app.example', 'https://app.example:8443/any/where.json', false],
    ['https://app.example', 'https://www.app.example/any/where.json', false],
    ['https://app.example', 'https://app.example.evil/any/where.json', false],
  ])('K14: %s and %s: %s', (pattern, url, expected) => {
    expect(speaksOf(pattern, url)).toBe(expected);
  });

  it.each([
    '',
    'claude-code',
    'http://app.example/client.json',
    'https://*.example/client.json',
    'https://app.example/a*/client.json',
    'https://app.example/**/client.json',
    'https://app.example/client.json?v=*',
    'https://user@app.example/client.json',
    'https://app.example/client.json#x',
    'https://app.example/client.json?',
    'https://app.example/?',
    'https://App.example/client.json',
    'https://app.example:443/client.json',
    'https://app.example/a/../client.json',
    'https://app.example/%2e%2e/client.json',
    'https://app.example/a%2fb',
    'https://app.example\\client.json',
    ' https://app.example/client.json',
    `https://app.example/${'a'.repeat(2048)}`,
  ])('K3: refuses %j, and says how to write it', (written) => {
    expect(() => parsePattern(written)).toThrow(InvalidInput);
    expect(() => parsePattern(written)).toThrow(/write the whole URL/);
  });

  it('K3, MCP 55: names every address that may be a client, and that one alone', () => {
    const clients = [
      'https://app.example/client.json',
      'https://app.example:8443/client.json',
      'https://app.example/client.json?v=1',
      'https://app.example//',
      'https://app.example/a//b;c=d/@e',
      'https://app.example/a|b',
      "https://app.example/!$&'()+,;=:@/-._~",
      'https://app.example/a%252fb',
      'https://app.example./client.json',
      'https://xn--e1awd7f.example/client.json',
    ];
    for (const url of clients) {
      expect(isDocumentUrl(url), url).toBe(true);
      expect(nameOfClient(url)).toBe(url);
      for (const same of [url, `${url}?`, `${url}x`, url.slice(0, -1)])
        expect(speaksOf(url, same), same).toBe(same === url);
    }
    // What a rule could not say, or would say of others too, is no client.
    for (const url of [
      'https://app.example/client.json?',
      'https://app.example/client.json?v=1?',
      'https://app.example/*/client.json',
      'https://app.example/a*b/client.json',
      'https://app.example/client.json?v=*',
      'https://*.example/client.json',
    ]) {
      expect(nameOfClient(url), url).toBeUndefined();
      expect(isDocumentUrl(url), url).toBe(false);
    }
  });

  it.each([
    ['https://chatgpt.com/oauth/*!codex/client.json', 'https://chatgpt.com/oauth/c0ffee/client.json', true],
    ['https://chatgpt.com/oauth/*!codex/client.json', 'https://chatgpt.com/oauth/codex2/client.json', true],
    ['https://chatgpt.com/oauth/*!codex/client.json', 'https://chatgpt.com/oauth/codex/client.json', false],
    ['https://app.example/x/*!a!b', 'https://app.example/x/a', false],
    ['https://app.example/x/*!a!b', 'https://app.example/x/b', false],
    ['https://app.example/x/*!a!b', 'https://app.example/x/ab', true],
    ['https://app.example/x/*!a.b/c', 'https://app.example/x/axb/c', true],
  ])('SEC-L4: pattern %s matches %s: %s', (pattern, url, expected) => {
    expect(speaksOf(pattern, url)).toBe(expected);
  });

  it.each(['https://app.example/*!/c', 'https://app.example/*!a*/c', 'https://app.example/!a*/c'])(
    'SEC-L4: parsePattern rejects %j',
    (written) => {
      expect(() => parsePattern(written)).toThrow(/whole segment/);
    },
  );

  it.each([
    'https://app.example',
    'https://app.example/*',
    'https://app.example/*/*',
    'https://app.example/*/client.json',
    'https://app.example/*!evil/client.json',
    'https://raw.githubusercontent.com/*/*/*/client.json',
    'https://raw.githubusercontent.com/acme/*/client.json',
    'https://acme.github.io/oauth/*/client.json',
    'https://github.com/acme/*/client.json',
    'https://cdn.jsdelivr.net:8443/npm/*/client.json',
    'https://acme.github.io./oauth/*/client.json',
    'https://acme.github.io',
  ])('SEC-L5: highestTrust caps %s at untrusted', (pattern) => {
    expect(highestTrust(parsePattern(pattern))).toBe('untrusted');
  });

  it.each([
    'https://app.example/c.json',
    'https://app.example/oauth/*/c.json',
    'https://notgithub.io/oauth/*/c.json',
    'https://github.com/copilot/cli/client-metadata.json',
    'https://raw.githubusercontent.com/acme/app/main/client.json',
  ])('SEC-L5: highestTrust caps nothing when %s fixes its first segment or is exact', (pattern) => {
    expect(highestTrust(parsePattern(pattern))).toBe('first_party');
  });
});
