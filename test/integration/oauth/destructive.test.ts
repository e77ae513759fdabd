import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listConnections } from '../../../src/domain/grants/index.ts';
import { addResource, changeResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { askFor } from '../../support/authorization.ts';
import { addPerson, allow, connect, type Person, post, signedIn } from '../../support/flow.ts';
import { register } from '../../support/registration.ts';
import { addTestClient, cause } from '../../support/server.ts';
import { type Stack, startStack } from '../../support/stack.ts';

/** A server that flags no scope, and has a destructive tool behind `notes:write`. */
const UNFLAGGED = 'https://unflagged.example/mcp';
const ALL = 'files:read files:write files:delete';
const NOTES = 'notes:read notes:write';
const WEB = 'https://app.example/cb';

let stack: Stack;
let ada: Agent;
let person: Person;

beforeAll(async () => {
  stack = await startStack();
  await addResource(
    stack.server.database.prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: UNFLAGGED,
      name: 'Unflagged',
      scopes: [
        { scope: 'notes:read', description: 'Read notes', destructive: false },
        { scope: 'notes:write', description: 'Create, change and delete notes', destructive: false },
      ],
      tools: [
        { name: 'read_file', title: 'Read a file', scopes: ['notes:read'], effect: 'read' },
        { name: 'write_file', title: 'Write a file', scopes: ['notes:write'], effect: 'write' },
        { name: 'delete_file', title: 'Delete a file', scopes: ['notes:write'], effect: 'destructive' },
      ],
    },
    cause,
  );
  person = await addPerson(stack.server);
  ada = createAgent();
  await signedIn(stack.server, ada, person);
});
afterAll(() => stack.stop());

const selfRegistered = async () => (await register(stack.server)).body.client_id;
const offered = (page: Page) => page.form?.checkboxes.map(({ value }) => value) ?? [];
const consentFor = async (clientId: string, resource: string, scope: string) =>
  (await askFor(stack.server, ada, clientId, { resource, scope })).value;

async function callDelete(accessToken: string | undefined): Promise<Response> {
  return fetch(`${stack.example.url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'delete_file', arguments: { path: 'README.md' } },
    }),
  });
}

describe('an untrusted client and destructive tools', () => {
  it('SEC-H2, NEW-1: a client that registered itself obtains no scope that opens delete_file of the example', async () => {
    const clientId = await selfRegistered();
    const page = await consentFor(clientId, stack.resource, ALL);
    expect(offered(page)).toEqual(['files:read', 'files:write']);

    const tokens = await connect(stack.server, ada, clientId, { resource: stack.resource, scope: ALL });
    expect(tokens.scope).toBe('files:read files:write');
    const refused = await callDelete(tokens.access_token);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('files:delete');

    const more = await post(stack.server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
    expect(more.body.scope).toBe('files:read files:write');
  });

  it('SEC-H2, NEW-1: a client that registered itself obtains no unflagged scope that opens delete_file', async () => {
    const clientId = await selfRegistered();
    expect(offered(await consentFor(clientId, UNFLAGGED, NOTES))).toEqual(['notes:read']);
    const tokens = await connect(stack.server, ada, clientId, {
      resource: UNFLAGGED,
      scope: NOTES,
    });
    expect(tokens.scope).toBe('notes:read');
  });

  it('SEC-H2: a grant loses a scope at its next refresh when a tool behind it becomes destructive', async () => {
    const { pool } = stack.server.database;
    const clientId = await selfRegistered();
    const tool = `WHERE name = 'delete_file' AND resource_id = (SELECT id FROM resources WHERE identifier = '${UNFLAGGED}')`;
    await pool.query(`UPDATE resource_tools SET effect = 'write' ${tool}`);
    const tokens = await connect(stack.server, ada, clientId, {
      resource: UNFLAGGED,
      scope: NOTES,
    });
    expect(tokens.scope).toBe(NOTES);
    await pool.query(`UPDATE resource_tools SET effect = 'destructive' ${tool}`);
    const next = await post(stack.server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
    expect(next.body.scope).toBe('notes:read');
  });
});

describe('a grant that holds a removed scope', () => {
  it('NEW-9: loses the scope at its next token, keeps the others, and gets it back when it is added again', async () => {
    const { prisma } = stack.server.database;
    const identifier = 'https://changing.example/mcp';
    const scopes = ['a:read', 'a:write'].map((scope) => ({
      scope,
      description: `May ${scope}`,
      destructive: false,
    }));
    await addResource(prisma, { tenantId: DEFAULT_TENANT, identifier, name: 'Changing', scopes }, cause);
    const { clientId } = await addTestClient(stack.server);
    let { refresh_token: token = '' } = await connect(stack.server, ada, clientId, { resource: identifier });
    const refresh = async () => {
      const { body } = await post(stack.server, '/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: token,
      });
      token = body.refresh_token ?? token;
      return body.scope;
    };
    expect(await refresh()).toBe('a:read a:write');
    await changeResource(prisma, identifier, { removeScopes: ['a:write'] }, cause);
    expect(await refresh()).toBe('a:read');
    const added = [{ scope: 'a:write', description: 'May write again' }];
    await changeResource(prisma, identifier, { scopes: added }, cause);
    expect(await refresh()).toBe('a:read a:write');
  });
});

describe('every place that shows a destructive scope', () => {
  it('SEC-H2: consent, continue and account page and the metadata say the same of an unflagged scope', async () => {
    const { server } = stack;
    const { clientId } = await addTestClient(server, {
      trust: 'trusted',
      redirectUris: ['http://127.0.0.1/callback', WEB],
    });
    const scope = NOTES;
    const consent = await consentFor(clientId, UNFLAGGED, scope);
    expect(consent.form?.step).toBe('consent');
    expect(consent.html.match(/tag danger/g)).toHaveLength(1);
    await allow(ada, consent);

    const again = await consentFor(clientId, UNFLAGGED, scope);
    expect(again.form?.step).toBe('continue');
    expect(again.html.match(/tag danger/g)).toHaveLength(1);
    await connect(server, ada, clientId, { resource: UNFLAGGED, scope });

    const account = await ada.get(`${server.issuer}/account`);
    expect(account.html).toMatch(/Create, change and delete notes <span class="tag danger">/);
    const [connection] = (await listConnections(server.database.prisma, person.id)).filter(
      ({ client }) => client.id === clientId,
    );
    expect(connection?.scopes.map(({ scope, destructive }) => [scope, destructive])).toEqual([
      ['notes:read', false],
      ['notes:write', true],
    ]);
  });

  it('SEC-H2: the metadata lists no scope that opens a destructive tool', async () => {
    const metadata = await fetch(`${stack.server.issuer}/.well-known/oauth-authorization-server`);
    const { scopes_supported: listed } = (await metadata.json()) as { readonly scopes_supported: string[] };
    expect(listed).not.toContain('files:delete');
    expect(listed).not.toContain('notes:write');
    expect(listed).toEqual(expect.arrayContaining(['files:write', 'notes:read']));
  });
});
