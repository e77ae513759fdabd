import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Example, startExample } from '../../../examples/mcp-server/server.ts';
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

const bearer = async (claims: Record<string, unknown> = {}) => ({
  authorization: `Bearer ${await issuer.token(claims)}`,
});

interface Connected {
  tools(): Promise<readonly string[]>;
  call(name: string, input: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

async function connectV1(claims?: Record<string, unknown>): Promise<Connected> {
  const client = new ClientV1({ name: 'test', version: '1' });
  const requestInit = { headers: await bearer(claims) };
  await client.connect(new TransportV1(new URL(`${example.url}/mcp`), { requestInit }) as never);
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input) => textOf(await client.callTool({ name, arguments: input })),
    close: () => client.close(),
  };
}

function connectV2(mode: 'legacy' | 'auto') {
  return async (claims?: Record<string, unknown>): Promise<Connected> => {
    const client = new ClientV2({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
    const requestInit = { headers: await bearer(claims) };
    await client.connect(new TransportV2(new URL(`${example.url}/mcp`), { requestInit }));
    return {
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, input) => textOf(await client.callTool({ name, arguments: input })),
      close: () => client.close(),
    };
  };
}

function textOf(result: object): string {
  return (result as { content: readonly { text: string }[] }).content.map(({ text }) => text).join('\n');
}

describe.each([
  ['sdk 1.x', connectV1],
  ['client 2.x before 2026-07-28', connectV2('legacy')],
  ['client 2.x', connectV2('auto')],
])('Team Files with %s', (_, connect) => {
  it('shows and runs the tools that the token allows', async () => {
    const client = await connect();
    expect(await client.tools()).toEqual(['list_files', 'read_file', 'search_files']);
    expect(await client.call('list_files', { folder: 'plans' })).toBe('plans/hiring.md\nplans/launch.md');
    expect(await client.call('search_files', { text: 'BUDGET' })).toContain('plans/launch.md:3');
    await client.close();
  });
});
