import { describe, expect, it } from 'vitest';

import { createCallReader, filterTools } from './tools.ts';

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

describe('the calls in a body', () => {
  const calls = createCallReader(tools);
  const call = (name: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });

  it('MCP R12: need the scopes of all tools together, in a batch too', () => {
    expect(calls(call('write'))).toEqual({ scopes: ['a', 'b'], unknown: false });
    expect(calls([call('read'), { method: 'ping' }, call('write')])).toEqual({
      scopes: ['a', 'b'],
      unknown: false,
    });
  });

  it('need nothing when there are none', () => {
    for (const body of [{ method: 'tools/list' }, [], null, 'tools/call', 1, undefined]) {
      expect(calls(body)).toEqual({ scopes: [], unknown: false });
    }
  });

  it('X4: of tools that the catalogue does not have are unknown, whatever they are called', () => {
    for (const name of ['other', '__proto__', 'constructor', 'toString', '', 1, null, undefined, ['read']]) {
      expect(calls(call(name))).toEqual({ scopes: [], unknown: true });
    }
    expect(calls({ method: 'tools/call' }).unknown).toBe(true);
    expect(calls([call('read'), call('other')])).toEqual({ scopes: ['a'], unknown: true });
  });
});
