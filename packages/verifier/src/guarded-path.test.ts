import { describe, expect, it } from 'vitest';

import { createPathCheck } from './guarded-path.ts';

const isGuarded = createPathCheck('/mcp');

describe('a guard of /mcp', () => {
  it.each([
    '/mcp',
    '/mcp/',
    '/mcp/more',
    '/MCP',
    '//mcp',
    '/%6dcp',
    '/./mcp',
    '/a/../mcp',
    '/a/%2e%2e/mcp',
    '/mcp/../open',
    '\\mcp',
    '/mcp%2fmore',
    '/mcp#x',
    'http://files.example/mcp',
    'HTTP://files.example/mcp?a=b',
    '//files.example/mcp',
  ])('guards %s', (path) => expect(isGuarded(path)).toBe(true));

  it.each(['/', '/open', '/mcpx', '/a/mcp', '/%', ''])('lets %j pass', (path) => {
    expect(isGuarded(path)).toBe(false);
  });

  it('guards everything when it has no path, or the root', () => {
    expect(createPathCheck(undefined)('/anything')).toBe(true);
    expect(createPathCheck('/')('/anything')).toBe(true);
    expect(createPathCheck('/')('/')).toBe(true);
  });
});
