import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { METADATA_DOCUMENTS } from '../../fixtures/clients/index.ts';
import { createAgent } from '../../support/agent.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import { runCli } from '../../support/cli.ts';
import { clientsWebWith, OPENCODE_AT_FIRST } from '../../support/clients-web.ts';
import { addPerson, claimsOf, obtainCode, post, signedIn } from '../../support/flow.ts';
import { FILES, startTestServer, type TestServer } from '../../support/server.ts';

/** As in production: nobody gets in whom nobody let in. */
let server: TestServer;
let key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  key = privateKey;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'field', alg: 'RS256', use: 'sig' }] };
  const documents = clientsWebWith([OPENCODE_AT_FIRST]);
  server = await startTestServer(
    { GATEHOUSE_METADATA_DOCUMENTS: 'allowlist', GATEHOUSE_DYNAMIC_REGISTRATION: 'off' },
    {
      fetch: async (input, init) =>
        String(input) === METADATA_DOCUMENTS.ChatGPT.jwks_uri ? Response.json(jwks) : documents(input, init),
    },
  );
});
afterAll(() => server.stop());

const cli = async (...args: readonly string[]) => {
  const run = await runCli([...args, '--json'], { cwd: '/', env: server.environment });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  return run.json();
};

async function assertion(clientId: string): Promise<Readonly<Record<string, string>>> {
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'RS256', kid: 'field' })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(key),
  };
}

interface Named {
  /** As it is typed. */
  readonly name: string;
  /** What it presents, if it has one. */
  readonly document?: string;
  readonly redirects: readonly string[];
}

const CLIENTS: readonly Named[] = [
  {
    name: 'claude',
    document: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
    redirects: ['https://claude.ai/api/mcp/auth_callback'],
  },
  {
    name: 'claude-code',
    document: 'https://claude.ai/oauth/claude-code-client-metadata',
    redirects: ['http://localhost:3118/callback', 'http://127.0.0.1:58135/callback'],
  },
  {
    name: 'chatgpt',
    document: 'https://chatgpt.com/oauth/client.json',
    redirects: ['https://chatgpt.com/connector_platform_oauth_redirect'],
  },
  {
    name: 'chatgpt',
    document: 'https://chatgpt.com/oauth/c0ffee1234/client.json',
    redirects: ['https://chatgpt.com/connector/oauth/c0ffee1234'],
  },
  {
    name: 'codex',
    document: 'https://chatgpt.com/oauth/codex/client.json',
    redirects: ['http://127.0.0.1:43123/callback'],
  },
  {
    name: 'codex',
    document: 'https://chatgpt.com/oauth/codex/k3J_9dQxAbCd/client.json',
    redirects: ['http://127.0.0.1:43123/callback/k3J_9dQxAbCd'],
  },
  {
    name: 'vscode',
    document: 'https://vscode.dev/oauth/client-metadata.json',
    redirects: ['http://127.0.0.1:33418/', 'https://vscode.dev/redirect'],
  },
  {
    name: 'cursor',
    document: 'https://cursor.com/oauth/mcp-client.json',
    redirects: ['http://localhost:8787/callback', 'cursor://anysphere.cursor-mcp/oauth/callback'],
  },
  {
    name: 'zed',
    document: 'https://zed.dev/oauth/client-metadata.json',
    redirects: ['http://127.0.0.1:49321/callback'],
  },
  // Its document, as it was at first, lacks what it sends.
  {
    name: 'opencode',
    document: 'https://opencode.ai/oauth/opencode/client.json',
    redirects: ['http://127.0.0.1:19876/mcp/oauth/callback'],
  },
  { name: 'opencode', redirects: ['http://127.0.0.1:19876/mcp/oauth/callback'] },
  {
    name: 'inspector',
    redirects: [
      'http://localhost:6274/oauth/callback',
      'http://localhost:6274/oauth/callback/debug',
      'http://127.0.0.1:6274/oauth/callback',
      'http://127.0.0.1:6276/oauth/callback',
    ],
  },
  {
    name: 'gemini-cli',
    redirects: ['http://localhost:7777/oauth/callback', 'http://localhost:51234/oauth/callback'],
  },
  {
    name: 'mcp-remote',
    redirects: ['http://localhost:3334/oauth/callback', 'http://127.0.0.1:21745/oauth/callback'],
  },
];

describe('gatehouse client catalogue enable', { timeout: 120_000 }, () => {
  it.each(CLIENTS)(
    'MCP 55: lets $name in at its redirects, and disable keeps it out again',
    async ({ name, document, redirects }) => {
      const stranger = createAgent({ follow: false });
      if (document !== undefined) {
        const before = await askFor(server, stranger, document, { redirect_uri: redirects[0] });
        expectRefusedOnPage(before, { reason: 'client_not_allowed' });
      }
      const enabled = await cli('client', 'catalogue', 'enable', name);
      expect(enabled).toMatchObject({ name, enabled: true });
      const clientId = document ?? String(enabled['client_id']);

      const agent = createAgent();
      await signedIn(server, agent, await addPerson(server));
      const proof = async () => ({
        client_id: clientId,
        ...(name === 'chatgpt' ? await assertion(clientId) : {}),
      });
      for (const redirectUri of redirects) {
        const { code, verifier } = await obtainCode(server, agent, clientId, { redirect_uri: redirectUri });
        const tokens = await post(server, '/token', {
          grant_type: 'authorization_code',
          code,
          code_verifier: verifier,
          redirect_uri: redirectUri,
          ...(await proof()),
        });
        expect({ redirectUri, status: tokens.status, error: tokens.body.error }).toEqual({
          redirectUri,
          status: 200,
          error: undefined,
        });
        expect(claimsOf(tokens.body.access_token)).toMatchObject({ client_trust: 'known' });
        const refreshed = await post(server, '/token', {
          grant_type: 'refresh_token',
          refresh_token: tokens.body.refresh_token ?? '',
          ...(await proof()),
        });
        expect(refreshed.status).toBe(200);
      }
      const evil = await askFor(server, stranger, clientId, { redirect_uri: 'http://127.0.0.1:1/evil' });
      expectRefusedOnPage(evil, { reason: 'redirect_uri' });

      expect(await cli('client', 'catalogue', 'disable', name)).toMatchObject({ name, enabled: false });
      const after = await askFor(server, stranger, clientId, { redirect_uri: redirects[0] });
      expect(after.value.status).toBe(400);
    },
  );

  it('MCP 55: once more, brings a registered client to the redirects of today, and disconnects nobody', async () => {
    const { prisma } = server.database;
    const clientId = String((await cli('client', 'catalogue', 'enable', 'inspector'))['client_id']);
    const today = 'http://localhost:6274/oauth/callback';
    const before = 'http://localhost:6274/oauth/before';
    await prisma.client.update({ where: { id: clientId }, data: { redirectUris: [before] } });
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const { code, verifier } = await obtainCode(server, agent, clientId, { redirect_uri: before });
    const exchange = {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: before,
    };
    const tokens = await post(server, '/token', { ...exchange, client_id: clientId });

    expect(await cli('client', 'catalogue', 'enable', 'inspector')).toMatchObject({ client_id: clientId });
    await cli('client', 'catalogue', 'enable', 'inspector');

    const stranger = createAgent({ follow: false });
    expectRefusedOnPage(await askFor(server, stranger, clientId, { redirect_uri: before }), {
      reason: 'redirect_uri',
    });
    await obtainCode(server, agent, clientId, { redirect_uri: today });
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.body.refresh_token ?? '' };
    expect((await post(server, '/token', { ...refresh, client_id: clientId })).status).toBe(200);
    const trail = await prisma.auditRecord.findMany({ where: { client: clientId, event: 'client.changed' } });
    expect(trail.map(({ detail }) => detail)).toEqual([
      {
        changed: ['redirect_uris'],
        redirect_uris: [today, 'http://127.0.0.1:6274/oauth/callback', `${today}/debug`],
      },
    ]);
    await cli('client', 'catalogue', 'disable', 'inspector');
  });
});

it('CLI-6: opencode 1.18.33, which presents no document, gets in with the client_id that catalogue enable prints', async () => {
  const command = ['client', 'catalogue', 'enable', 'opencode'];
  const enabled = await runCli(command, { cwd: '/', env: server.environment });
  expect(enabled).toMatchObject({ code: 0, stderr: '' });
  const [clientId = ''] = /cli_[\w-]+/.exec(enabled.stdout) ?? [];
  expect(enabled.stdout).toContain(`"oauth": {"clientId": "${clientId}"}`);
  const catalogue = (await cli('client', 'catalogue', 'list')) as unknown as readonly object[];
  expect(catalogue).toContainEqual(expect.objectContaining({ name: 'opencode', client_id: clientId }));

  const agent = createAgent();
  await signedIn(server, agent, await addPerson(server));
  const redirectUri = 'http://127.0.0.1:19876/mcp/oauth/callback';
  const asOpencode = { redirect_uri: redirectUri, scope: 'files:read offline_access', prompt: 'consent' };
  const { code, verifier } = await obtainCode(server, agent, clientId, asOpencode);
  const tokens = await post(server, '/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
    resource: FILES,
  });
  expect(tokens).toMatchObject({
    status: 200,
    body: { scope: 'files:read', refresh_token: expect.any(String) },
  });
  expect(claimsOf(tokens.body.access_token)).toMatchObject({ client_trust: 'known' });
  await cli('client', 'catalogue', 'disable', 'opencode');
});

it('CLI-5: client remove says that a metadata document is barred and how it is admitted again', async () => {
  const document = 'https://zed.dev/oauth/client-metadata.json';
  await cli('client', 'allow', document);
  const agent = createAgent();
  const person = await addPerson(server);
  await signedIn(server, agent, person);
  await obtainCode(server, agent, document, { redirect_uri: 'http://127.0.0.1:49321/callback' });
  const removed = await runCli(['client', 'remove', document], { cwd: '/', env: server.environment });
  expect(removed.code).toBe(0);
  expect(removed.stdout).toContain('barred');
  expect(removed.stdout).toContain(`npm run -s gatehouse -- client allow ${document}`);
});

it('NEW-11: catalogue enable exits with 1 when the client cannot be switched on', async () => {
  const refused = await runCli(['client', 'catalogue', 'enable', 'lm-studio'], {
    cwd: '/',
    env: server.environment,
  });
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain('npm run -s gatehouse -- client catalogue enable mcp-remote');
});
