import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Agent, createAgent } from '../support/agent.ts';
import { addPerson, type Person, post } from '../support/flow.ts';
import type { Program, ProgramOptions } from '../support/program.ts';
import { createProgramV1 } from '../support/sdk-v1.ts';
import { addTestClient } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { type Decision, walk } from '../support/walk.ts';

const READ_TOOLS = ['list_files', 'read_file', 'search_files'];
const WRITE_TOOLS = [...READ_TOOLS, 'write_file'];
const REDIRECT = 'http://localhost:33418/oauth/callback';

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
  const program = createProgramV1({
    resource: stack.resource,
    redirectUri: REDIRECT,
    open: (url) => walk(agent, url, person, decide(url)),
    grantTypes: ['authorization_code', 'refresh_token'],
    ...options,
  });
  return { program, person, agent };
}

const pathsOf = (program: Program) => program.trace.filter((line) => !line.includes(' /mcp '));

describe('a program made with @modelcontextprotocol/sdk 1.x', () => {
  it('MCP 1: finds its way from a 401 to a tool call, knowing nothing but the URL', async () => {
    const { program } = await newProgram();
    await program.connect();

    expect(pathsOf(program)).toEqual([
      'GET /.well-known/oauth-protected-resource/mcp 200',
      'GET /.well-known/oauth-authorization-server 200',
      'POST /register 201',
      'GET /.well-known/oauth-protected-resource/mcp 200',
      'GET /.well-known/oauth-authorization-server 200',
      'POST /token authorization_code 200',
    ]);
    expect(Object.fromEntries(program.opened[0]?.searchParams ?? [])).toMatchObject({
      scope: 'files:read',
      resource: stack.resource,
      code_challenge_method: 'S256',
    });
    expect(await program.tools()).toEqual(READ_TOOLS);
    expect(await program.call('read_file', { path: 'plans/launch.md' })).toContain('1 December');
    await program.close();
  });

  it('MCP 39: gets a refresh token without asking for offline_access, because it registered for it', async () => {
    const { program } = await newProgram();
    await program.connect();

    expect(program.opened[0]?.searchParams.get('scope')).not.toContain('offline_access');
    expect(program.memory.tokens?.refresh_token).toEqual(expect.any(String));
    await program.close();
  });

  it('MCP 39: gets none without the refresh grant', async () => {
    const { program } = await newProgram({ grantTypes: ['authorization_code'] });
    await program.connect();

    expect(program.memory.tokens?.refresh_token).toBeUndefined();
    await program.close();
  });

  it('MCP 27: steps up by the 403 of a tool call, and keeps what it had', async () => {
    const { program } = await newProgram({ grantTypes: ['authorization_code'] });
    await program.connect();

    expect(await program.call('write_file', { path: 'notes/a.md', text: 'mine' })).toBe(
      'Written: notes/a.md',
    );

    expect(program.opened.map((url) => url.searchParams.get('scope'))).toEqual([
      'files:read',
      'files:read files:write',
    ]);
    expect(await program.tools()).toEqual(WRITE_TOOLS);
    expect(await program.call('read_file', { path: 'notes/a.md' })).toBe('mine');
    await program.close();
  });

  it('is refused the call when the person leaves the wider scope out', async () => {
    const { program } = await newProgram({ grantTypes: ['authorization_code'] }, () => ({
      scopes: ['files:read'],
    }));
    await program.connect();

    await expect(program.call('write_file', { path: 'a.md', text: 'x' })).rejects.toThrow(/403|upscoping/);
    expect(await program.tools()).toEqual(READ_TOOLS);
    await program.close();
  });

  it('does not step up while it holds a refresh token: it refreshes, gets the same again and gives up', async () => {
    const { program } = await newProgram();
    await program.connect();

    await expect(program.call('write_file', { path: 'a.md', text: 'x' })).rejects.toThrow(
      'Server returned 403 after trying upscoping',
    );

    expect(program.opened).toHaveLength(1);
    expect(program.trace.filter((line) => line.startsWith('POST')).slice(-3)).toEqual([
      'POST /mcp 403',
      'POST /token refresh_token 200',
      'POST /mcp 403',
    ]);
    expect(await program.tools()).toEqual(READ_TOOLS);
    await program.close();
  });

  it('MCP 37: refreshes when the access token has run out, unnoticed by the person', async () => {
    const { program } = await newProgram();
    await program.connect();
    const { tokens } = program.memory;
    program.memory.tokens = tokens && { ...tokens, access_token: 'run-out' };

    expect(await program.tools()).toEqual(READ_TOOLS);

    expect(program.opened).toHaveLength(1);
    expect(program.memory.tokens?.refresh_token).not.toBe(tokens?.refresh_token);
    await program.close();
  });

  it('M8: asks the person anew after they have ended the connection under /account', async () => {
    const { program, agent } = await newProgram();
    await program.connect();
    const refreshToken = program.memory.tokens?.refresh_token ?? '';

    const account = await agent.get(`${stack.server.issuer}/account`);
    expect(account.html).toContain('Field Notes');
    const end = /href="([^"]*\/connections\/grt_[^"]*\/end)"/.exec(account.html)?.[1] ?? '';
    const confirm = await agent.get(new URL(end, account.url).href);
    const after = await agent.submit(confirm, {});

    expect(after.html).toContain('The connection has ended');
    expect(after.html).not.toContain('Field Notes');
    expect(await refresh(program, refreshToken)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    const { tokens } = program.memory;
    program.memory.tokens = tokens && { ...tokens, access_token: 'run-out' };
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

    expect(await refresh(program, token)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await program.close();
  });

  it('MCP 22: gets no code when the person denies, but a refusal that names the issuer', async () => {
    const { program } = await newProgram({}, () => ({ deny: true }));

    const refusal = `error=access_denied.*iss=${encodeURIComponent(stack.server.issuer)}`;
    await expect(program.connect()).rejects.toThrow(new RegExp(refusal));
    expect(program.memory.tokens).toBeUndefined();
  });
});

describe('a pre-registered client, with @modelcontextprotocol/sdk 1.x', () => {
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
      const { tokens } = program.memory;
      program.memory.tokens = tokens && { ...tokens, access_token: 'run-out' };
      expect(await program.call('list_files', { folder: 'plans' })).toContain('plans/launch.md');

      expect(program.opened).toHaveLength(1);
      expect(pathsOf(program).join()).not.toContain('/register');
      await program.close();
    },
  );
});

function refresh(program: Program, refreshToken: string) {
  return post(stack.server, '/token', {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: program.memory.client?.client_id ?? '',
  });
}
