import { readFile } from 'node:fs/promises';

import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Example, startExample } from '../../../examples/mcp-server/server.ts';
import { teamFiles } from '../../../examples/mcp-server/tools.ts';
import { startIssuer, type TestIssuer } from '../../../packages/verifier/test/issuer.ts';

const resource = 'http://localhost:4001/mcp';
let issuer: TestIssuer;
let example: Example;

beforeAll(async () => {
  issuer = await startIssuer({ resource });
  example = await startExample({ issuer: issuer.issuer, resource, listen: '127.0.0.1:0' });
});

afterAll(async () => {
  await example.close();
  await issuer.close();
});

type Claims = Readonly<Record<string, unknown>>;
const everything = { scope: 'files:read files:write files:delete' };
const bearer = async (claims?: Claims) => ({ authorization: `Bearer ${await issuer.token(claims)}` });

interface Connected {
  readonly revision: string | undefined;
  tools(): Promise<readonly string[]>;
  call(name: string, input: Claims): Promise<string>;
  close(): Promise<void>;
}
type Connect = (claims?: Claims) => Promise<Connected>;

const connectV1: Connect = async (claims) => {
  const client = new ClientV1({ name: 'test', version: '1' });
  const transport = new TransportV1(new URL(`${example.url}/mcp`), {
    requestInit: { headers: await bearer(claims) },
  });
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    revision: transport.protocolVersion,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input) => textOf(await client.callTool({ name, arguments: input })),
    close: () => client.close(),
  };
};

function connectV2(mode: 'legacy' | 'auto'): Connect {
  return async (claims) => {
    const client = new ClientV2({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
    const requestInit = { headers: await bearer(claims) };
    await client.connect(new TransportV2(new URL(`${example.url}/mcp`), { requestInit }));
    return {
      revision: client.getNegotiatedProtocolVersion(),
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, input) => textOf(await client.callTool({ name, arguments: input })),
      close: () => client.close(),
    };
  };
}

function textOf(result: object): string {
  return (result as { content: readonly { text: string }[] }).content.map(({ text }) => text).join('\n');
}

describe.each<[string, string, Connect]>([
  ['sdk 1.x', '2025-11-25', connectV1],
  ['client 2.x at a server of before', '2025-11-25', connectV2('legacy')],
  ['client 2.x', '2026-07-28', connectV2('auto')],
])('Team Files with the official %s', (kind, revision, connect) => {
  const sub = `usr_${kind}`;

  it(`speaks ${revision}`, async () => {
    const client = await connect();
    expect(client.revision).toBe(revision);
    await client.close();
  });

  it('shows only the tools that the token allows, and runs them', async () => {
    const client = await connect();
    expect(await client.tools()).toEqual(['list_files', 'read_file', 'search_files']);
    expect(await client.call('list_files', { folder: 'plans' })).toBe('plans/hiring.md\nplans/launch.md');
    expect(await client.call('search_files', { text: 'BUDGET' })).toContain('plans/launch.md:3');
    expect(await client.call('read_file', { path: 'plans/launch.md' })).toContain('1 December');
    await client.close();
  });

  it('MCP R15: refuses a call beyond the token by HTTP, not in the result', async () => {
    const client = await connect();
    await expect(client.call('delete_file', { path: 'README.md' })).rejects.toThrow(/insufficient.scope/i);
    expect(await client.call('read_file', { path: 'README.md' })).toContain('Team Files');
    await client.close();
  });

  it('writes and deletes with a token that allows it', async () => {
    const client = await connect({ ...everything, sub });
    expect(await client.tools()).toEqual(teamFiles.tools.map(({ name }) => name));
    await client.call('write_file', { path: 'notes/a.md', text: 'mine' });
    expect(await client.call('read_file', { path: 'notes/a.md' })).toBe('mine');
    await client.call('delete_file', { path: 'README.md' });
    expect(await client.call('list_files', {})).not.toContain('README.md');
    await client.close();
  });

  it('MCP R20: gives everybody their own files, by the token alone', async () => {
    const mine = await connect({ ...everything, sub });
    const theirs = await connect({ ...everything, sub: '__proto__' });
    await mine.call('write_file', { path: 'secret.md', text: 'mine' });
    expect(await theirs.call('read_file', { path: 'secret.md' })).toContain('no file');
    await Promise.all([mine.close(), theirs.close()]);
  });
});

describe('Team Files on the wire', () => {
  const post = async (body: unknown, headers: Record<string, string> = {}, claims?: Claims) =>
    fetch(`${example.url}/mcp`, {
      method: 'POST',
      headers: {
        ...(await bearer(claims)),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify(body),
    });
  const call = (name: string, input: object = {}, meta?: object) => ({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: input, ...(meta !== undefined && { _meta: meta }) },
  });
  const modern = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const modernHeaders = (name: string) => ({
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
  });

  it.each(['2025-03-26', '2025-06-18', '2025-11-25'])(
    'serves clients of revision %s',
    async (protocolVersion) => {
      const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } };
      const response = await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain(`"protocolVersion":"${protocolVersion}"`);
    },
  );

  it('MCP R17: refuses headers that say something else than the body', async () => {
    const honest = await post(call('list_files', {}, modern), modernHeaders('list_files'));
    expect(honest.status).toBe(200);
    const spoofed = await post(call('list_files', {}, modern), modernHeaders('read_file'));
    expect(spoofed.status).toBe(400);
    expect(await spoofed.json()).toMatchObject({ error: { code: -32020 } });
  });

  it('MCP R17: decides by the body when the headers name a tool that is allowed', async () => {
    const body = call('delete_file', { path: 'README.md' }, modern);
    expect((await post(body, modernHeaders('list_files'))).status).toBe(403);
  });

  it('MCP R17: refuses a page of a foreign origin', async () => {
    expect((await post(call('list_files'), { origin: 'https://evil.example' })).status).toBe(403);
  });

  it('MCP R20: takes no session for an answer', async () => {
    const headers = { 'mcp-session-id': 'somebody-elses' };
    const anonymous = await fetch(`${example.url}/mcp`, { method: 'POST', headers, body: '{}' });
    expect(anonymous.status).toBe(401);
    const response = await post(call('list_files'), headers);
    expect(response.headers.get('mcp-session-id')).toBeNull();
    expect((await fetch(`${example.url}/mcp`, { headers: await bearer() })).status).toBe(405);
  });

  it('MCP R12: asks for what the token has and what the tool takes', async () => {
    const response = await post(call('write_file', { path: 'a', text: 'b' }));
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain('scope="files:read files:write"');
  });

  it('X1: refuses a body over its limit', async () => {
    const response = await post(call('write_file', { path: 'a', text: 'x'.repeat(300_000) }), {}, everything);
    expect(response.status).toBe(413);
  });

  it.each(['../etc/passwd', '/etc/passwd', 'a/../../b', 'a\\b', '', 'a//b', '.'])(
    'knows no path like %j',
    async (path) => {
      const response = await post(call('write_file', { path, text: 'x' }), {}, everything);
      expect(await response.text()).toMatch(/"isError":true|"error":/);
    },
  );

  it('answers everything else with 404 in JSON', async () => {
    const response = await fetch(`${example.url}/.well-known/openid-configuration`);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ error: 'not_found' });
  });

  it('cannot be reached past the guard by another spelling of its path', async () => {
    for (const path of ['/MCP', '//mcp', '/%6dcp', '/mcp/', '/x/../mcp']) {
      const response = await fetch(example.url + path, { method: 'POST', body: '{}' });
      expect([401, 404]).toContain(response.status);
    }
  });
});

describe('the catalogue of Team Files', () => {
  it('explains every scope that a tool takes, and offers the default ones', () => {
    const explained = Object.keys(teamFiles.scopes);
    for (const { scopes } of teamFiles.tools) expect(explained).toEqual(expect.arrayContaining([...scopes]));
    expect(explained).toEqual(expect.arrayContaining([...teamFiles.defaultScopes]));
  });
});

describe('the catalogue as a file for the command line', () => {
  it('says the same as the program', async () => {
    const file = new URL('../../../examples/mcp-server/tools.json', import.meta.url);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(teamFiles.tools);
  });
});

describe('starting Team Files', () => {
  it('fails on an address that is taken, or is none', async () => {
    const options = { issuer: issuer.issuer, resource };
    const taken = new URL(example.url).host;
    await expect(startExample({ ...options, listen: taken })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(startExample({ ...options, listen: '4001' })).rejects.toThrow(TypeError);
  });

  it.each(['[::1]:0', '::1:0', 'localhost:0'])('works on %s', async (listen) => {
    const other = await startExample({ issuer: issuer.issuer, resource, listen });
    expect((await fetch(`${other.url}/mcp`)).status).toBe(401);
    await other.close();
  });

  it('needs no authorization server yet, and tells callers the truth meanwhile', async () => {
    const early = await startExample({ issuer: 'http://127.0.0.1:9', resource, listen: '127.0.0.1:0' });
    const token = await issuer.token({ iss: 'http://127.0.0.1:9' });
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${early.url}/mcp`, { method: 'POST', headers, body: '{}' })).status).toBe(503);
    await early.close();
  });
});
