import { createVerifier } from '@gatehouse-mcp/verifier';
import { describe, expect, it } from 'vitest';

import { canonicalizeResource } from './canonicalize.ts';

/** Whether the verifier of an MCP server can be configured with this string. */
function verifierAccepts(resource: string): boolean {
  try {
    createVerifier({ issuer: 'https://auth.example', resource });
    return true;
  } catch {
    return false;
  }
}

describe('canonicalizeResource', () => {
  it.each([
    'https://mcp.example/mcp',
    'HTTPS://MCP.Example/mcp',
    'https://mcp.example:443/mcp',
    'https://mcp.example/mcp/',
  ])('MCP 23: %s names the same resource as the other three spellings', (spelling) => {
    expect(canonicalizeResource(spelling)).toBe('https://mcp.example/mcp');
  });

  it('MCP 23: an origin with and without its slash is one resource, as SDKs send either', () => {
    expect(canonicalizeResource('https://mcp.example/')).toBe('https://mcp.example');
    expect(canonicalizeResource('https://mcp.example')).toBe('https://mcp.example');
  });

  it.each([
    ['https://mcp.example:8443/mcp', 'https://mcp.example:8443/mcp'],
    ['http://localhost:80/mcp', 'http://localhost/mcp'],
    ['http://127.0.0.1:4001/mcp', 'http://127.0.0.1:4001/mcp'],
    ['http://[::1]:4001/mcp', 'http://[::1]:4001/mcp'],
    ['https://mcp.example/Team%20A/MCP', 'https://mcp.example/Team%20A/MCP'],
  ])('writes %s as %s, the path exactly as it came', (value, canonical) => {
    expect(canonicalizeResource(value)).toBe(canonical);
  });

  it.each([
    'https://mcp.example/mcp',
    'https://mcp.example',
    'https://mcp.example/',
    'https://mcp.example/mcp/',
    'HTTPS://mcp.example/mcp',
    'https://MCP.example/mcp',
    'https://mcp.example:443/mcp',
    'https://mcp.example:8443/mcp',
    'https://mcp.example/Team%20A/MCP',
    'http://[::1]:4001/mcp',
    'http://127.0.0.1:4001/mcp',
    'http://127.0.0.2:4001/mcp',
    'http://localhost:80/mcp',
  ])('REP-F5: the verifier accepts %s only if it is the registered spelling', (value) => {
    expect(verifierAccepts(value)).toBe(canonicalizeResource(value) === value);
  });

  it('gives its own output back unchanged', () => {
    for (const value of ['https://A.example:443/x/', 'http://[::1]:80/', 'https://a.example/%C3%A9']) {
      const once = canonicalizeResource(value);
      expect(once).toBeDefined();
      expect(canonicalizeResource(once ?? '')).toBe(once);
    }
  });

  it.each([
    ['a relative reference', '/mcp'],
    ['a network-path reference', '//mcp.example/mcp'],
    ['a fragment', 'https://mcp.example/mcp#a'],
    ['an empty fragment', 'https://mcp.example/mcp#'],
    ['a query', 'https://mcp.example/mcp?x=1'],
    ['an empty query', 'https://mcp.example/mcp?'],
    ['a user', 'https://user@mcp.example/mcp'],
    ['an empty user', 'https://@mcp.example/mcp'],
    ['plain http', 'http://mcp.example/mcp'],
    ['http on a name that only begins like loopback', 'http://localhost.evil.example/mcp'],
    ['another scheme', 'ftp://mcp.example/mcp'],
    ['a URN', 'urn:example:mcp'],
    ['nothing', ''],
    ['no host', 'https:///mcp'],
    ['a scheme without slashes', 'https:mcp.example'],
    ['a port that is none', 'https://mcp.example:99999/mcp'],
    ['a port with zeros before it', 'https://mcp.example:0443/mcp'],
    ['a host that ends with a dot', 'https://mcp.example./mcp'],
  ])('F2, REP-M4: refuses %s, as the verifier does', (_what, value) => {
    expect(canonicalizeResource(value)).toBeUndefined();
    expect(verifierAccepts(value)).toBe(false);
  });

  it.each([
    ['dot segments', 'https://mcp.example/a/../b'],
    ['one dot', 'https://mcp.example/./b'],
    ['encoded dots', 'https://mcp.example/a/%2e%2E/b'],
    ['an encoded slash', 'https://mcp.example/a%2fb'],
    ['an encoded backslash', 'https://mcp.example/a%5cb'],
    ['a backslash', 'https://mcp.example\\mcp'],
    ['an encoded letter', 'https://mcp.example/%6dcp'],
    ['double encoding', 'https://mcp.example/a%252fb'],
    ['an encoded control character', 'https://mcp.example/a%0ab'],
    ['an incomplete encoding', 'https://mcp.example/a%2'],
    ['an empty segment', 'https://mcp.example//mcp'],
    ['two slashes at the end', 'https://mcp.example/mcp//'],
    ['a space at the end', 'https://mcp.example/mcp '],
    ['a tab that a browser would drop', 'https://mcp.exa\tmple/mcp'],
    ['a line break at the end', 'https://mcp.example/mcp\n'],
    ['letters that only look alike', 'https://mcp.еxample/mcp'],
    ['loopback in another notation', 'http://127.1/mcp'],
    ['loopback as a number', 'http://2130706433/mcp'],
    ['a path of non-ASCII letters', 'https://mcp.example/é'],
  ])('F3, REP-F5: refuses %s, as the verifier does', (_what, value) => {
    expect(canonicalizeResource(value)).toBeUndefined();
    expect(verifierAccepts(value)).toBe(false);
  });
});
