import { describe, expect, it } from 'vitest';

import { filterTools } from './tools.ts';

const tools = [
  { name: 'read', scopes: ['a'] },
  { name: 'write', scopes: ['a', 'b'] },
  { name: 'ping', scopes: [] },
];
const names = (...scopes: string[]) => filterTools(tools, { scopes }).map(({ name }) => name);

describe('the tools that a token may see', () => {
  it('are those whose scopes it has, all of them', () => {
    expect(names()).toEqual(['ping']);
    expect(names('b')).toEqual(['ping']);
    expect(names('a')).toEqual(['read', 'ping']);
    expect(names('a', 'b')).toEqual(['read', 'write', 'ping']);
  });

  it('follow the hierarchy of scopes', () => {
    expect(filterTools(tools, { scopes: ['all'] }, { all: ['a', 'b'] })).toHaveLength(3);
  });
});
