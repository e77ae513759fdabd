import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { endConnections } from '../../src/domain/grants/index.ts';
import { observe } from '../support/audit.ts';
import { type Browser, launchBrowser } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith } from '../support/requirements.ts';
import { cause } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';

import { ageTokens } from './age-tokens.ts';
import type { ClientProgram } from './client-program.ts';
import { createHome, type Home } from './home.ts';
import { inspector } from './inspector.ts';
import { mcpRemote } from './mcp-remote.ts';
import { mcporter } from './mcporter.ts';
import { addUser, type User } from './user.ts';

const PROGRAMS: readonly (readonly [
  name: string,
  start: (home: Home, resource: string) => ClientProgram | Promise<ClientProgram>,
])[] = [
  ['mcp-remote', (home, resource) => mcpRemote(home, resource)],
  ['the Inspector command line', (home, resource) => inspector(home, resource)],
  [
    'mcporter',
    async (home, resource) => mcporter(home, resource, `http://127.0.0.1:${await freePort()}/callback`),
  ],
];

describeWith('browser', 'client programs', () => {
  let stack: Stack;
  let browser: Browser;
  let user: User;
  let home: Home;

  beforeAll(async () => {
    [stack, browser] = await Promise.all([
      startStack({ GATEHOUSE_METADATA_DOCUMENTS: 'off', GATEHOUSE_DYNAMIC_REGISTRATION: 'open' }),
      launchBrowser(),
    ]);
  });

  beforeEach(async () => {
    user = await addUser(stack.server, browser);
    home = createHome({ browserUrl: user.browserUrl });
  });

  afterEach(async () => {
    await user.close();
    home.remove();
    user.check();
  });

  afterAll(async () => {
    await browser.close();
    await stack.stop();
  });

  it.each(PROGRAMS)(
    '%s connects, refreshes once, and reconnects after its connection ended',
    async (_, start) => {
      const { server, resource } = stack;
      const program = await start(home, resource);

      await program.login();
      const list = await program.tools();
      expect(list).toEqual(expect.arrayContaining(['list_files', 'read_file', 'search_files']));
      expect(user.opened).toHaveLength(1);

      const call = await observe(server, () => program.call('list_files', {}));
      expect(call.value).toContain('.md');
      expect(call.records.filter(({ event }) => /^(?:token|refresh)\./.test(event))).toEqual([]);
      expect(user.opened).toHaveLength(1);

      expect(await ageTokens(server, home)).toBeGreaterThan(0);
      const refreshed = await observe(server, () => program.call('list_files', {}));
      expect(refreshed.value).toContain('.md');
      expect(refreshed.records.map(({ event }) => event)).toEqual(['refresh.rotated']);
      expect(user.opened).toHaveLength(1);

      expect(await endConnections(server.database.prisma, user.id, {}, cause)).toMatchObject({ grants: 1 });
      await ageTokens(server, home);
      await program.login();
      expect(await program.call('list_files', {})).toContain('.md');
      expect(user.opened.length).toBe(2);
    },
  );
});
