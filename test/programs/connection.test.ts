import { expect, it } from 'vitest';

import { observe } from '../support/audit.ts';

import { ageTokens } from './age-tokens.ts';
import { EACH_PROGRAM } from './programs.ts';
import { describeStories } from './scene.ts';

const READ = ['list_files', 'read_file', 'search_files'];
const NOTE = { path: 'plans/note.md', text: 'from a program' };
const TOKEN_REQUESTS = /^(?:token|refresh)\./;

describeStories(
  'client programs where they register themselves',
  { env: { GATEHOUSE_METADATA_DOCUMENTS: 'off', GATEHOUSE_DYNAMIC_REGISTRATION: 'open' } },
  (open) => {
    it.each(EACH_PROGRAM)(
      'CLI-4: %s connects, calls a tool without a token request, and refreshes once an hour later',
      async (_, which) => {
        const { server, user, home, program } = await open(which, { signedOut: true });

        await program.login();
        expect(await program.tools()).toEqual(READ);
        const call = await observe(server, () => program.call('list_files', {}));
        expect(call.value).toContain('.md');
        expect(call.records.filter(({ event }) => TOKEN_REQUESTS.test(event))).toEqual([]);

        expect(await ageTokens(server, home)).toBeGreaterThan(0);
        const refreshed = await observe(server, () => program.call('list_files', {}));
        expect(refreshed.value).toContain('.md');
        expect(refreshed.records.map(({ event }) => event)).toEqual(['refresh.rotated']);
        expect(user.opened).toHaveLength(1);
      },
    );

    it.each(EACH_PROGRAM)(
      'CLI-1: %s lists and calls a tool that its user added on the consent page of a second sign-in',
      async (_, which) => {
        const { user, program } = await open(which);
        await program.login();
        expect(await program.tools()).toEqual(READ);

        user.ticks(['files:read', 'files:write']);
        await program.relogin();
        expect(user.opened.map((url) => url.searchParams.get('scope')?.includes('files:write'))).toEqual([
          false,
          false,
        ]);
        expect(await program.tools()).toEqual([...READ, 'write_file']);
        expect(await program.call('write_file', NOTE)).toBe(`Written: ${NOTE.path}`);
      },
    );
  },
);
