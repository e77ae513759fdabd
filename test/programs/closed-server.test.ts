import { expect, it } from 'vitest';

import { letIn } from './let-in.ts';
import { EACH_PROGRAM, mcpRemoteProgram } from './programs.ts';
import { describeStories } from './scene.ts';

describeStories(
  'client programs where none registers itself',
  { env: { GATEHOUSE_METADATA_DOCUMENTS: 'allowlist', GATEHOUSE_DYNAMIC_REGISTRATION: 'off' } },
  (open) => {
    it.each(EACH_PROGRAM)(
      'CLI-8: %s gets in with the client_id that it was given, and three sign-ins are one line of the account page',
      async (_, which) => {
        const { server, user, program } = await open(which, { register: (server) => letIn(server, which) });
        await program.login();
        await program.relogin();
        await program.relogin();

        expect(await program.call('list_files', {})).toContain('.md');
        const clients = new Set(user.opened.map((url) => url.searchParams.get('client_id')));
        expect([user.opened.length, clients.size]).toEqual([3, 1]);
        expect(await server.database.prisma.client.count({ where: { id: [...clients][0] ?? '' } })).toBe(1);
        expect(await user.connectionLines()).toBe(1);
      },
    );

    it('CLI-3: mcp-remote asks for more by itself after a 403, and obtains it when its user just allows', async () => {
      const { user, program } = await open(mcpRemoteProgram, {
        register: (server) => letIn(server, mcpRemoteProgram),
      });
      user.ticks(undefined);
      await program.login();
      expect(await program.tools()).not.toContain('write_file');

      expect(await program.call('write_file', { path: 'plans/note.md', text: 'more' })).toBe(
        'Written: plans/note.md',
      );
      expect(user.opened[1]?.searchParams.get('scope')).toContain('files:write');
      expect(user.opened).toHaveLength(2);
      expect(await user.connectionLines()).toBe(1);
    });
  },
);
