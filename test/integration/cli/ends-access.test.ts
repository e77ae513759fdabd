import { afterAll, beforeAll, expect, it } from 'vitest';

import { enableCatalogued, setRule } from '../../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { runCli } from '../../support/cli.ts';
import { addPerson } from '../../support/flow.ts';
import { addTestClient, cause, MAIL, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ GATEHOUSE_ACCESS_TOKEN_LIFETIME: '1200' });
});
afterAll(() => server.stop());

const person = async (): Promise<string> => (await addPerson(server)).email;
const client = async (): Promise<string> => (await addTestClient(server)).clientId;
const rule = async (): Promise<string> => {
  const pattern = 'https://ends.example/client.json';
  await setRule(server.database.prisma, { tenantId: DEFAULT_TENANT, pattern, trust: 'known' }, cause);
  return pattern;
};

const catalogued = async (): Promise<string> => {
  await enableCatalogued(server.database.prisma, 'claude-code', { tenantId: DEFAULT_TENANT }, cause);
  return 'claude-code';
};

it.each<{ command: string; make: () => Promise<string>; more?: readonly string[] }>([
  { command: 'user disable', make: person },
  { command: 'user reset', make: person },
  { command: 'user remove', make: person },
  { command: 'client revoke-all', make: client },
  { command: 'client trust', make: client, more: ['blocked'] },
  { command: 'client remove', make: client },
  { command: 'client disallow', make: rule },
  { command: 'client catalogue disable', make: catalogued },
  { command: 'resource remove', make: async () => MAIL },
])(
  'CLI-2: gatehouse $command says when tokens that are out stop working',
  async ({ command, make, more = [] }) => {
    const args = [...command.split(' '), await make(), ...more];
    const { code, stdout } = await runCli(args, { cwd: process.cwd(), env: server.environment });

    expect(code).toBe(0);
    expect(stdout).toContain('Tokens that were issued before stop working within 21 minutes.');
  },
);
