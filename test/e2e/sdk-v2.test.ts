import { IssuerMismatchError } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Agent, createAgent } from '../support/agent.ts';
import { addPerson, type Person, post } from '../support/flow.ts';
import type { Program, ProgramOptions } from '../support/program.ts';
import { createProgramV2 } from '../support/sdk-v2.ts';
import { addTestClient } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { type Decision, walk } from '../support/walk.ts';

const READ_TOOLS = ['list_files', 'read_file', 'search_files'];
const WRITE_TOOLS = [...READ_TOOLS, 'write_file'];
const REDIRECT = 'http://127.0.0.1:19876/oauth/callback';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack.stop());

/** A program of a person of its own, who decides as told. */
async function newProgram(
  options: Partial<ProgramOptions> = {},
  decide: (url: URL) => Decision = () => ({}),
): Promise<{ readonly program: Program; readonly person: Person; readonly agent: Agent }> {
  const person = await addPerson(stack.server);
  const agent = createAgent();
  const program = createProgramV2({
    resource: stack.resource,
    redirectUri: REDIRECT,
    open: (url) => walk(agent, url, person, decide(url)),
    grantTypes: ['authorization_code', 'refresh_token'],
    ...options,
  });
  return { program, person, agent };
}

describe('a program made with @modelcontextprotocol/client 2.x', () => {
  it('MCP 11: asks for offline_access and consent by itself, and gets a refresh token', async () => {
    const { program } = await newProgram();
    await program.connect();

    expect(program.trace.filter((line) => !line.includes(' /mcp '))).toEqual([
      'GET /.well-known/oauth-protected-resource/mcp 200',
      'GET /.well-known/oauth-authorization-server 200',
      'POST /register 201',
      'POST /token authorization_code 200',
    ]);
    expect(Object.fromEntries(program.opened[0]?.searchParams ?? [])).toMatchObject({
      scope: 'files:read offline_access',
      prompt: 'consent',
      resource: stack.resource,
    });
    expect(program.memory.tokens?.refresh_token).toEqual(expect.any(String));
    expect(await program.tools()).toEqual(READ_TOOLS);
    expect(await program.call('read_file', { path: 'plans/launch.md' })).toContain('1 December');
    await program.close();
  });

  it('MCP 2: takes the issuer for what it says it is, byte for byte', async () => {
    const { program } = await newProgram();
    await program.connect();

    expect(program.memory.tokens).toMatchObject({ issuer: stack.server.issuer });
    expect(program.memory.client).toMatchObject({ issuer: stack.server.issuer });
    await program.close();
  });

  it('MCP 22: refuses an answer with the issuer of somebody else, and takes the one with ours', async () => {
    const { program, agent, person } = await newProgram();
    const forged = await newProgram({
      open: async (url) => {
        const callback = await walk(agent, url, person);
        expect(callback.searchParams.getAll('iss')).toEqual([stack.server.issuer]);
        callback.searchParams.set('iss', 'https://evil.example');
        return callback;
      },
    });

    await expect(forged.program.connect()).rejects.toBeInstanceOf(IssuerMismatchError);
    expect(forged.program.memory.tokens).toBeUndefined();
    await program.connect();
    await program.close();
  });

  it('MCP 27: steps up to the union of what it had and what the call takes, refresh token or not', async () => {
    const { program } = await newProgram();
    await program.connect();
    const before = program.memory.tokens?.refresh_token;

    expect(await program.call('write_file', { path: 'notes/a.md', text: 'mine' })).toBe(
      'Written: notes/a.md',
    );

    const scopes = program.opened.map((url) => new Set(url.searchParams.get('scope')?.split(' ')));
    expect(scopes).toEqual([
      new Set(['files:read', 'offline_access']),
      new Set(['files:read', 'files:write', 'offline_access']),
    ]);
    expect(await program.tools()).toEqual(WRITE_TOOLS);
    expect(program.memory.tokens?.refresh_token).not.toBe(before);
    await program.close();
  });

  it('is refused the call when the person leaves the wider scope out', async () => {
    const { program } = await newProgram({}, () => ({ scopes: ['files:read'] }));
    await program.connect();

    await expect(program.call('write_file', { path: 'a.md', text: 'x' })).rejects.toThrow();
    expect(await program.tools()).toEqual(READ_TOOLS);
    await program.close();
  });

  it('MCP 37: refreshes when the access token has run out, unnoticed by the person', async () => {
    const { program } = await newProgram();
    await program.connect();
    const tokens = runOut(program);

    expect(await program.tools()).toEqual(READ_TOOLS);

    expect(program.opened).toHaveLength(1);
    expect(program.memory.tokens?.refresh_token).not.toBe(tokens?.refresh_token);
    await program.close();
  });

  it('M8: asks the person anew after they have ended the connection under /account', async () => {
    const { program, agent } = await newProgram();
    await program.connect();

    const account = await agent.get(`${stack.server.issuer}/account`);
    const end = /href="([^"]*\/connections\/grt_[^"]*\/end)"/.exec(account.html)?.[1] ?? '';
    const confirm = await agent.get(new URL(end, account.url).href);
    expect((await agent.submit(confirm, {})).html).toContain('The connection has ended');

    runOut(program);
    expect(await program.tools()).toEqual(READ_TOOLS);
    expect(program.opened).toHaveLength(2);
    await program.close();
  });

  it('MCP 44: cannot refresh what it has revoked itself (RFC 7009)', async () => {
    const { program } = await newProgram();
    await program.connect();
    const token = program.memory.tokens?.refresh_token ?? '';
    const client_id = program.memory.client?.client_id ?? '';

    expect((await post(stack.server, '/revoke', { token, client_id })).status).toBe(200);

    const answer = await post(stack.server, '/token', {
      grant_type: 'refresh_token',
      refresh_token: token,
      client_id,
    });
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await program.close();
  });

  it('MCP 41: registers again when its client is gone', async () => {
    const { program } = await newProgram();
    await program.connect();
    const before = program.memory.client?.client_id ?? '';
    await stack.server.database.pool.query('UPDATE clients SET removed_at = now() WHERE id = $1', [before]);

    runOut(program);
    expect(await program.tools()).toEqual(READ_TOOLS);

    expect(program.trace).toContain('POST /token refresh_token 401');
    expect(program.memory.client?.client_id).not.toBe(before);
    await program.close();
  });
});

describe('a pre-registered client, with @modelcontextprotocol/client 2.x', () => {
  it.each(['none', 'client_secret_basic', 'client_secret_post'] as const)(
    'MCP 16: connects and refreshes with %s',
    async (authMethod) => {
      const { clientId, clientSecret } = await addTestClient(stack.server, {
        name: 'In-house Notes',
        redirectUris: [REDIRECT],
        authMethod,
      });
      const { program } = await newProgram({
        registered: { client_id: clientId, ...(clientSecret ? { client_secret: clientSecret } : {}) },
      });
      await program.connect();
      expect(await program.tools()).toEqual(READ_TOOLS);

      runOut(program);
      expect(await program.call('list_files', { folder: 'plans' })).toContain('plans/launch.md');

      expect(program.opened).toHaveLength(1);
      expect(program.trace.join()).not.toContain('/register');
      await program.close();
    },
  );
});

/** Makes the access token worthless, as time does; answers what was there before. */
function runOut({ memory }: Program) {
  const { tokens } = memory;
  memory.tokens = tokens && { ...tokens, access_token: 'run-out' };
  return tokens;
}
