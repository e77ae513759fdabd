import { afterAll, beforeAll, expect, it } from 'vitest';

import { addResource, changeResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { askFor } from '../../support/authorization.ts';
import { addPerson, connect, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';

const NOTES = 'https://notes.example/mcp';
let server: TestServer;
let ada: Agent;
let clientId: string;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent();
  await signedIn(server, ada, await addPerson(server));
  ({ clientId } = await addTestClient(server));
  const scopes = [{ scope: 'notes:read', description: 'Read notes', destructive: false }];
  const notes = { tenantId: DEFAULT_TENANT, identifier: NOTES, name: 'Notes', scopes };
  await addResource(server.database.prisma, { ...notes, permitsMembers: false }, cause);
});
afterAll(() => server.stop());

const set = (permitsMembers: boolean) =>
  changeResource(server.database.prisma, NOTES, { permitsMembers }, cause).then(({ changes }) => changes);
const ask = () => askFor(server, ada, clientId, { resource: NOTES, scope: 'notes:read' });

it('a resource that was added without permits for members offers them nothing, until it is changed', async () => {
  const { records } = await ask();
  expect(records.map(({ reason }) => reason)).toContain('not_permitted_by_role');

  expect(await set(true)).toEqual({ members: 'every scope' });
  expect(await set(true)).toEqual({});
  const tokens = await connect(server, ada, clientId, { resource: NOTES, scope: 'notes:read' });
  expect(tokens).toMatchObject({ scope: 'notes:read' });

  expect(await set(false)).toEqual({ members: 'nothing' });
  const refreshed = await post(server, '/token', {
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: tokens.refresh_token ?? '',
  });
  expect(refreshed.status).toBe(400);
});

it('the permit of members includes scopes that are added later', async () => {
  await set(true);
  const added = { scopes: [{ scope: 'notes:write', description: 'Write notes' }] };
  await changeResource(server.database.prisma, NOTES, added, cause);
  const tokens = await connect(server, ada, clientId, { resource: NOTES, scope: 'notes:read notes:write' });
  expect(tokens).toMatchObject({ scope: 'notes:read notes:write' });
});
