import { describe, expect, it } from 'vitest';

import { createMessageReader, type MessageRules } from './messages.ts';

const tools = [
  { name: 'read', scopes: ['a'] },
  { name: 'write', scopes: ['a', 'b'] },
];
const reader = (rules: Partial<MessageRules> = {}) =>
  createMessageReader({ tools, methods: {}, allowUncatalogued: false, ...rules });
const call = (name: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });
const none = { scopes: [], fault: undefined };

describe('createMessageReader', () => {
  it('MCP R12: returns the union of the scopes of all tools, in a batch too', () => {
    expect(reader()(call('write'))).toEqual({ scopes: ['a', 'b'], fault: undefined });
    expect(reader()([call('read'), { method: 'ping' }, call('write')])).toEqual({
      scopes: ['a', 'b'],
      fault: undefined,
    });
  });

  it('X4: finds an unknown tool whatever its name', () => {
    for (const name of ['other', '__proto__', 'constructor', 'toString', '', 1, null, undefined, ['read']]) {
      expect(reader()(call(name))).toEqual({ scopes: [], fault: 'unknown_tool' });
    }
    expect(reader()({ method: 'tools/call' }).fault).toBe('unknown_tool');
    expect(reader()([call('read'), call('other')])).toEqual({ scopes: ['a'], fault: 'unknown_tool' });
  });

  it('SEC-M9: lets uncatalogued tools pass only with allowUncatalogued, and keeps the scopes of the others', () => {
    const open = reader({ allowUncatalogued: true });
    expect(open([call('other'), call('write')])).toEqual({ scopes: ['a', 'b'], fault: undefined });
  });

  it.each(['admin/export', 'tools/call ', 'TOOLS/CALL', '__proto__', 'constructor', ''])(
    'SEC-M9: finds the unknown method %j',
    (method) => expect(reader()([{ method: 'ping' }, { id: 1, method }]).fault).toBe('unknown_method'),
  );

  it.each([
    'initialize',
    'notifications/initialized',
    'tools/list',
    'resources/read',
    'prompts/get',
    'completion/complete',
    'logging/setLevel',
    'server/discover',
    'subscriptions/listen',
    'tasks/result',
  ])('SEC-M9: has a rule for %s', (method) => expect(reader()({ id: 1, method })).toEqual(none));

  it('SEC-M9: adds the scopes of methods, and allows the methods of extensions that have a rule', () => {
    const methods = { 'resources/read': ['c'], 'acme/export': ['d'], 'tools/call': ['e'] };
    const read = reader({ methods });
    expect(read([{ method: 'resources/read' }, { method: 'acme/export' }]).scopes).toEqual(['c', 'd']);
    expect(read(call('read'))).toEqual({ scopes: ['e', 'a'], fault: undefined });
  });

  it('SEC-M9: lets the answers to requests of the server pass', () => {
    expect(reader()({ jsonrpc: '2.0', id: 1, result: {} })).toEqual(none);
    expect(reader()({ jsonrpc: '2.0', id: 1, error: { code: 1, message: '' } })).toEqual(none);
  });

  it.each([
    [[]],
    [null],
    ['tools/call'],
    [1],
    [{}],
    [{ method: 1 }],
    [{ method: ['tools/call'] }],
    [[[call('read')]]],
  ])('SEC-M9: finds that %j is no JSON-RPC message', (body) =>
    expect(reader()(body).fault).toBe('invalid_message'),
  );
});
