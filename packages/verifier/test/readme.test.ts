import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { startIssuer, type TestIssuer } from './issuer.ts';

/** For the programs of the README that only export a handler. */
const serve = `
import { createServer } from 'node:http';
createServer(async (incoming, outgoing) => {
  const chunks = await incoming.toArray();
  const body = chunks.length === 0 ? null : Buffer.concat(chunks);
  const { method, headers } = incoming;
  const response = await exported.fetch(new Request('http://localhost' + incoming.url, { method, headers, body }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
})`;

const resource = 'https://notes.example.com/mcp';
let issuer: TestIssuer;
let programs: readonly string[];

beforeAll(async () => {
  issuer = await startIssuer({ resource });
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  programs = [...readme.matchAll(/^```js\n(.*?)^```/gms)].map(([, code = '']) => code).slice(0, 2);
});
afterAll(() => issuer.close());

/** Runs a program of the README as it stands, but for the addresses; gives where it listens. */
async function run(program: string) {
  const listening = `.listen(0, '127.0.0.1', function () { console.log(this.address().port) });`;
  const code = program
    .replace('https://auth.example.com', issuer.issuer)
    .replace('.listen(3000);', listening)
    .replace('export default', 'const exported =');
  const source = code.includes('.listen(') ? code : code + serve + listening;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', (status) => reject(new Error(`the program of the README ended with ${status}`)));
  });
  return { url: `http://127.0.0.1:${port}/mcp`, stop: () => child.kill() };
}

it.each([
  ['Express and the SDK 1.x', 0, ['list_notes', 'add_note']],
  ['fetch and the server SDK 2.x', 1, ['list_notes']],
])('the program of the README for %s protects a server', async (_, index, shown) => {
  const { url, stop } = await run(programs[index] ?? '');
  try {
    const refused = await fetch(url, { method: 'POST' });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('scope="notes:read"');

    const headers = { authorization: `Bearer ${await issuer.token({ scope: 'notes:read' })}` };
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(shown);
    const called = await client.callTool({ name: 'list_notes', arguments: {} });
    expect(called.isError ?? false).toBe(false);
    await expect(client.callTool({ name: 'add_note', arguments: {} })).rejects.toThrow(/insufficient.scope/i);
    await client.close();
  } finally {
    stop();
  }
});
