import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAgent } from '../support/agent.ts';
import { addPerson, claimsOf } from '../support/flow.ts';
import { createProgramV1 } from '../support/sdk-v1.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { walk } from '../support/walk.ts';

const REDIRECT = 'http://127.0.0.1:33418/callback';

let stack: Stack;
let origin: string;

/** Three resources are registered: without being told, the authorization server cannot know which is meant. */
beforeAll(async () => {
  stack = await startStack();
  ({ origin } = new URL(stack.resource));
});

afterAll(() => stack.stop());

/** The person's browser, which follows the redirect of the MCP server as any other. */
async function browse(url: URL): Promise<URL> {
  const person = await addPerson(stack.server);
  const first = await fetch(url, { redirect: 'manual' });
  const next = first.status === 302 ? new URL(first.headers.get('location') ?? '') : url;
  return walk(createAgent(), next, person);
}

interface Endpoints {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly registration_endpoint: string;
}

/** What a client of revision 2025-03-26 knows when there are no metadata. */
const DEFAULTS = {
  authorization_endpoint: '/authorize',
  token_endpoint: '/token',
  registration_endpoint: '/register',
};

/** The authorization of that revision, from beginning to end: no resource, no `iss`, everything at the MCP server's origin. */
async function authorizeAsOf2025(endpoints: Endpoints) {
  const at = (endpoint: string) => new URL(endpoint, origin);
  const registered = await fetch(at(endpoints.registration_endpoint), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Old Notes',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    }),
  });
  expect(registered.status).toBe(201);
  const { client_id } = (await registered.json()) as { client_id: string };

  const verifier = randomBytes(32).toString('base64url');
  const url = at(endpoints.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    redirect_uri: REDIRECT,
  }).toString();
  const callback = await browse(url);

  const redeem = async (params: Readonly<Record<string, string>>) => {
    const response = await fetch(at(endpoints.token_endpoint), {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ client_id, ...params }),
    });
    return (await response.json()) as { access_token: string; refresh_token: string };
  };
  const first = await redeem({
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    code_verifier: verifier,
    redirect_uri: REDIRECT,
  });
  return redeem({ grant_type: 'refresh_token', refresh_token: first.refresh_token });
}

async function listTools(token: string): Promise<number> {
  const response = await fetch(stack.resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-03-26',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  await response.text();
  return response.status;
}

describe('a client of revision 2025-03-26', () => {
  it('MCP 15: finds the authorization server by the metadata at the MCP server, and gets a token for it', async () => {
    const metadata = await fetch(`${origin}/.well-known/oauth-authorization-server`, {
      headers: { 'mcp-protocol-version': '2025-03-26' },
    });
    const { access_token } = await authorizeAsOf2025((await metadata.json()) as Endpoints);
    expect(claimsOf(access_token)).toMatchObject({ iss: stack.server.issuer, aud: stack.resource });
    expect(await listTools(access_token)).toBe(200);
  });

  it('MCP 15: gets one by the default endpoints too, when it reads no metadata', async () => {
    const { access_token } = await authorizeAsOf2025(DEFAULTS);
    expect(claimsOf(access_token)).toMatchObject({ iss: stack.server.issuer, aud: stack.resource });
    expect(await listTools(access_token)).toBe(200);
  });

  const sdk = (misses: readonly RegExp[]) =>
    createProgramV1({
      resource: stack.resource,
      redirectUri: REDIRECT,
      open: browse,
      grantTypes: ['authorization_code', 'refresh_token'],
      misses,
    });

  it('MCP 15: made with the SDK 1.x connects by the metadata at the MCP server, when it finds no other', async () => {
    const program = sdk([/oauth-protected-resource/]);
    await program.connect();
    expect(program.opened[0]?.origin).toBe(origin);
    expect(await program.call('read_file', { path: 'plans/launch.md' })).toContain('1 December');
    expect(claimsOf(program.memory.tokens?.access_token)).toMatchObject({ aud: stack.resource });
    await program.close();
  });

  it('made with an SDK that follows no redirect to another origin, is not served by the default endpoints', async () => {
    await expect(sdk([/\.well-known/]).connect()).rejects.toThrow(/Redirect to .*\/register not followed/);
  });
});
