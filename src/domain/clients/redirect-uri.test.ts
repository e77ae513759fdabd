import { describe, expect, it } from 'vitest';

import { checkRedirectUri } from './redirect-uri.ts';
import { normalizeRedirectUri, redirectUriMatches } from './redirect-uri-match.ts';

const codeOf = (uri: string) => {
  const checked = checkRedirectUri(uri);
  return checked.ok ? 'accepted' : checked.code;
};

describe('checkRedirectUri', () => {
  it.each([
    ['https://claude.ai/api/mcp/auth_callback', 'https'],
    ['https://client.example', 'https'],
    ['https://client.example/cb?tenant=a%20b', 'https'],
    ['https://client.example:8443/cb', 'https'],
    ['https://localhost:3000/cb', 'loopback'],
    ['https://127.8.0.1/cb', 'loopback'],
    ['https://0.0.0.0/cb', 'loopback'],
    ['https://[::]:8443/cb', 'loopback'],
    ['https://[::ffff:0:0]/cb', 'loopback'],
    ['https://[::2]/cb', 'https'],
    ['http://localhost/callback', 'loopback'],
    ['http://127.0.0.1:33418/', 'loopback'],
    ['http://[::1]:7777/oauth/callback', 'loopback'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'private-use'],
    ['vscode://vscode.github-authentication/did-authenticate', 'private-use'],
    ['com.example.app:/oauth2redirect', 'private-use'],
    ['com.example.app:callback', 'private-use'],
  ])('MCP 19: accepts %s as %s', (uri, kind) => {
    expect(checkRedirectUri(uri)).toEqual({ ok: true, kind });
  });

  it.each([
    'javascript:alert(1)',
    ' JaVaScript:alert(1)',
    'java\tscript:alert(1)',
    'java\r\nscript:alert(1)',
    '\u0000javascript:alert(1)',
    'javascript://client.example/%0aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://client.example/1',
    'file:///etc/passwd',
    'filesystem:https://client.example/temporary/a',
    'about:blank',
    'view-source:https://client.example/',
    'intent://scan/#Intent;end',
    'ws://client.example/',
    'wss://client.example/',
    'ftp://client.example/',
    'urn:ietf:wg:oauth:2.0:oob',
    'mailto:a@b.example',
    'ms-word:ofe',
    'myapp://callback',
    'javascript.:alert(1)',
    '.com.example:/cb',
  ])('B2: refuses the scheme of %j', (uri) => {
    expect(['redirect_scheme', 'redirect_malformed']).toContain(codeOf(uri));
  });

  it('B2: says that it is the scheme, even where a browser would have to find it first', () => {
    expect(codeOf(' JaVaScript:alert(1)')).toBe('redirect_scheme');
    expect(codeOf('java\tscript:alert(1)')).toBe('redirect_scheme');
  });

  it.each([
    ' https://client.example/cb',
    'https://client.example/cb\n',
    'https://client.ex\tample/cb',
    'cur\nsor://a/b',
  ])('B2: refuses white space that a browser would drop: %j', (uri) => {
    expect(codeOf(uri)).toBe('redirect_malformed');
  });

  it.each(['https://*.example.com/*', 'https://client.example/*', 'http://localhost:*/cb', 'cursor://*'])(
    'B4: refuses the wildcard in %s',
    (uri) => {
      expect(codeOf(uri)).toBe('redirect_wildcard');
    },
  );

  it.each([
    'http://evil.example/cb',
    'http://localhost.evil.example/cb',
    'http://127.0.0.2/cb',
    'http://0.0.0.0/cb',
    'http://10.0.0.1/cb',
  ])('B5: refuses http to %s', (uri) => {
    expect(codeOf(uri)).toBe('redirect_http');
  });

  it.each([
    'https://client.example/cb#',
    'https://client.example/cb#a',
    'com.example.app:/cb#a',
    'http://localhost/#',
  ])('B7: refuses the fragment of %s', (uri) => {
    expect(codeOf(uri)).toBe('redirect_fragment');
  });

  it.each([
    ['https://ok.example@evil.example/cb', 'redirect_userinfo'],
    ['https://@evil.example/cb', 'redirect_userinfo'],
    ['http://localhost:80@evil.example/cb', 'redirect_userinfo'],
    ['https://evil.example\\@ok.example/cb', 'redirect_malformed'],
    ['https://ok.example\\.evil.example/cb', 'redirect_malformed'],
    ['https:evil.example/cb', 'redirect_malformed'],
    ['https:/evil.example/cb', 'redirect_malformed'],
    ['https:///evil.example/cb', 'redirect_malformed'],
    ['https://ok.example/a/../b', 'redirect_dot_segment'],
    ['https://ok.example/a/%2e%2e/b', 'redirect_dot_segment'],
    ['com.example.app:/a/../b', 'redirect_dot_segment'],
    ['http://127.1/cb', 'redirect_ambiguous'],
    ['http://0x7f.0.0.1/cb', 'redirect_ambiguous'],
    ['http://2130706433/cb', 'redirect_ambiguous'],
    ['http://[0:0:0:0:0:0:0:1]/cb', 'redirect_ambiguous'],
    ['http://localhost./cb', 'redirect_ambiguous'],
    ['https://ok.example:99999/cb', 'redirect_malformed'],
    ['https://ok.example:/cb', 'redirect_malformed'],
    ['https://ök.example/cb', 'redirect_malformed'],
    ['https://ok.example/%zz', 'redirect_malformed'],
    ['com.example.app:', 'redirect_malformed'],
    ['cursor://', 'redirect_malformed'],
    ['/callback', 'redirect_malformed'],
    ['', 'redirect_malformed'],
  ])('refuses %s, which two parsers could read differently or none can: %s', (uri, code) => {
    expect(codeOf(uri)).toBe(code);
  });
});

describe('redirectUriMatches', () => {
  it.each([
    ['a longer host', 'https://ok.example/cb', 'https://ok.example.evil.com/cb'],
    ['a sub-domain', 'https://ok.example/cb', 'https://evil.ok.example/cb'],
    ['a longer path', 'https://ok.example/cb', 'https://ok.example/cb/x'],
    ['a query', 'https://ok.example/cb', 'https://ok.example/cb?x=1'],
    ['a slash at the end', 'https://ok.example/cb', 'https://ok.example/cb/'],
    ['a prefix', 'https://ok.example/cb', 'https://ok.example/c'],
    ['a port', 'https://ok.example/cb', 'https://ok.example:444/cb'],
    ['another case', 'https://ok.example/cb', 'https://ok.example/CB'],
  ])('B1: %s makes another redirect URI', (_what, registered, requested) => {
    expect(redirectUriMatches(registered, requested)).toBe(false);
  });

  it('B3: a dot in a registered host matches only a dot', () => {
    expect(redirectUriMatches('https://foo.example.com', 'https://fooaexample.com')).toBe(false);
    expect(redirectUriMatches('http://127.0.0.1/cb', 'http://127a0.0.1/cb')).toBe(false);
  });

  it.each([
    ['http://127.0.0.1/cb', 'http://127.0.0.1:58135/cb'],
    ['http://[::1]/cb', 'http://[::1]:58135/cb'],
    ['http://localhost/cb', 'http://localhost:58135/cb'],
    ['http://localhost:3118/cb', 'http://localhost:58135/cb'],
    ['http://localhost:3118/cb', 'http://localhost/cb'],
    ['http://127.0.0.1/', 'http://127.0.0.1:33418/'],
    ['http://localhost/cb?a=1', 'http://localhost:1/cb?a=1'],
  ])('B6: %s admits %s, for only the port differs', (registered, requested) => {
    expect(redirectUriMatches(registered, requested)).toBe(true);
  });

  it.each([
    ['another path', 'http://localhost/callback', 'http://localhost:58135/other'],
    ['another query', 'http://localhost/callback', 'http://localhost:58135/callback?a=1'],
    ['another loopback host', 'http://localhost/callback', 'http://127.0.0.1:58135/callback'],
    ['https', 'http://localhost/callback', 'https://localhost:58135/callback'],
    ['a user', 'http://localhost/callback', 'http://localhost:58135@evil.example/callback'],
    ['a port that is none', 'http://localhost/callback', 'http://localhost:99999/callback'],
    ['a fragment', 'http://localhost/callback', 'http://localhost:1/callback#a'],
    ['a longer host', 'http://localhost/callback', 'http://localhost.evil.example/callback'],
  ])('MCP 18: a loopback redirect does not admit %s', (_what, registered, requested) => {
    expect(redirectUriMatches(registered, requested)).toBe(false);
  });

  it('B7: a requested fragment never matches', () => {
    expect(redirectUriMatches('https://ok.example/cb', 'https://ok.example/cb#a')).toBe(false);
  });
});

describe('normalizeRedirectUri', () => {
  it('takes the port from a loopback redirect and leaves every other as it is', () => {
    expect(normalizeRedirectUri('http://localhost:58135/callback?a=1')).toBe('http://localhost/callback?a=1');
    expect(normalizeRedirectUri('http://[::1]:1/')).toBe('http://[::1]/');
    expect(normalizeRedirectUri('https://ok.example:8443/cb')).toBe('https://ok.example:8443/cb');
    expect(normalizeRedirectUri('cursor://anysphere.cursor-mcp/oauth/callback')).toBe(
      'cursor://anysphere.cursor-mcp/oauth/callback',
    );
  });
});
