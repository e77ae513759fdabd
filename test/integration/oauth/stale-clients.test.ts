import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage, requestQuery } from '../../support/authorization.ts';
import { post } from '../../support/flow.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';

/** A client ID of the right form that was swept long ago. */
const GONE = 'cli_AAAAAAAAAAAAAAAAAAAAAA';

let server: TestServer;
let nobody: Agent;

beforeAll(async () => {
  server = await startTestServer();
  nobody = createAgent({ follow: false });
});
afterAll(() => server.stop());

async function removed(name: string, redirectUri: string): Promise<string> {
  const response = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    }),
  });
  const { client_id: clientId } = (await response.json()) as { client_id: string };
  await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);
  return clientId;
}

describe('the page for a client ID that is known no more', () => {
  it.each([
    ['Claude Code (files)', 'http://localhost:3118/callback', 'Clear authentication'],
    ['Cursor', 'cursor://anysphere.cursor-mcp/oauth/callback', 'Tools &amp; MCP'],
    ['MCP CLI Proxy', 'http://localhost:3334/oauth/callback', '~/.mcp-auth'],
    ['Visual Studio Code', 'http://127.0.0.1:33418/', 'Remove Dynamic Authentication Providers'],
  ])(
    'MCP 63: says to whoever used %s, by name, how it is made to forget it',
    async (name, redirectUri, words) => {
      const clientId = await removed(name, redirectUri);
      const refused = await askFor(server, nobody, clientId, {
        redirect_uri: 'https://elsewhere.example/cb',
      });
      expectRefusedOnPage(refused, { reason: 'client_removed', code: 'invalid_client' });
      expect(refused.value.html).toContain(words);
      expect(refused.value.html.match(/<dt>/g)).toHaveLength(1);
    },
  );

  it.each([
    ['Cursor', 'https://www.cursor.com/agents/mcp/oauth/callback'],
    ['Codex', 'http://127.0.0.1:51515/callback/k3J_9'],
    ['Visual Studio Code', 'https://vscode.dev/redirect'],
  ])('MCP 63: tells %s by its redirect, once nothing else is known of it', async (program, redirectUri) => {
    const refused = await askFor(server, nobody, GONE, { redirect_uri: redirectUri });
    expectRefusedOnPage(refused, { reason: 'unknown_client', code: 'invalid_client' });
    expect(refused.value.html).toContain(`<dt>${program}</dt>`);
    expect(refused.value.html.match(/<dt>/g)).toHaveLength(1);
  });

  it('MCP 63: says how in each program that it knows, when it cannot tell which it was', async () => {
    for (const redirectUri of ['https://unheard.example/cb', undefined]) {
      const refused = await askFor(server, nobody, GONE, { redirect_uri: redirectUri });
      for (const program of ['Claude Code', 'Cursor', 'Visual Studio Code', 'mcp-remote']) {
        expect(refused.value.html).toContain(`<dt>${program}`);
      }
      expect(refused.value.html).not.toContain('unheard.example');
    }
  });

  it('A1: shows nothing of the request, whatever was sent as client ID and redirect', async () => {
    for (const clientId of [
      '"><script>alert(1)</script>',
      `cli_${'A'.repeat(3000)}`,
      'cli_\u0000',
      "cli_' OR 1=1",
    ]) {
      const refused = await askFor(server, nobody, clientId, {
        redirect_uri: 'javascript:alert(document.domain)//www.cursor.com/',
      });
      expectRefusedOnPage(refused, { reason: 'unknown_client' });
      expect(refused.value.html).not.toMatch(/alert\(/);
    }
  });
});

describe('a program that asks whether its client ID is still good', () => {
  const preflight = (of: TestServer, clientId: string) =>
    observe(of, () =>
      fetch(`${of.issuer}/authorize?${requestQuery(clientId)}`, {
        redirect: 'manual',
        headers: { accept: 'application/json' },
      }),
    );

  it('MCP 63: is told so in JSON, with where to register anew', async () => {
    for (const clientId of [GONE, await removed('MCP CLI Proxy', 'http://localhost:3334/oauth/callback')]) {
      const { value: answer, records } = await preflight(server, clientId);
      expect(answer.status).toBe(400);
      expect(answer.headers.get('location')).toBeNull();
      expect(answer.headers.get('cache-control')).toContain('no-store');
      const body = (await answer.json()) as Record<string, string>;
      expect(body).toEqual({
        error: 'invalid_client',
        error_description: expect.stringMatching(/^the client is not registered here/),
        registration_endpoint: `${server.issuer}/register`,
      });
      expect(records).toHaveLength(1);
      expect(records[0]).toMatchObject({ event: 'authorization.rejected', outcome: 'refused' });
    }
  });

  it('MCP 63: is not sent to register where strangers cannot', async () => {
    for (const mode of ['off', 'initial-access-token']) {
      const closed = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: mode });
      try {
        const { value: answer } = await preflight(closed, GONE);
        expect(await answer.json()).not.toHaveProperty('registration_endpoint');
      } finally {
        await closed.stop();
      }
    }
  });

  it('MCP 41: at the token endpoint it is 401 invalid_client, on which clients register anew', async () => {
    const clientId = await removed('Cursor', 'cursor://anysphere.cursor-mcp/oauth/callback');
    for (const id of [GONE, clientId]) {
      for (const grant of [
        { grant_type: 'refresh_token', refresh_token: 'x' },
        { grant_type: 'authorization_code', code: 'x', code_verifier: 'x'.repeat(43) },
      ]) {
        const { status, body } = await post(server, '/token', { client_id: id, ...grant });
        expect({ status, error: body.error }).toEqual({ status: 401, error: 'invalid_client' });
      }
    }
  });
});
