import { expect, it } from 'vitest';

import { observe } from '../../support/audit.ts';
import { clientsWeb } from '../../support/clients-web.ts';
import { ageTokens } from '../age-tokens.ts';
import { letIn } from '../let-in.ts';
import { describeStories } from '../scene.ts';

import { claudeCode } from './claude-code.ts';
import { codex } from './codex.ts';
import { opencode } from './opencode.ts';

const READ = ['list_files', 'read_file', 'search_files'];
const NOTE = { path: 'plans/note.md', text: 'from-a-program' };

const EACH_LARGE_PROGRAM = [codex, claudeCode, opencode].map((program) => [program.name, program] as const);

/** opencode needs six seconds for an act. */
const STORY_TIMEOUT_MS = 300_000;

describeStories(
  'large client programs',
  {
    env: { GATEHOUSE_METADATA_DOCUMENTS: 'open', GATEHOUSE_DYNAMIC_REGISTRATION: 'open' },
    fetch: clientsWeb,
    packages: import.meta.dirname,
  },
  (open) => {
    it.each(EACH_LARGE_PROGRAM)(
      'CLI-1, CLI-2, CLI-4, CLI-8: %s connects, calls, refreshes, obtains more at its next sign-in, and signs in again after its end',
      async (_, which) => {
        const { server, user, home, program } = await open(which, { signedOut: true });
        const call = () => observe(server, () => program.call('list_files', {}));
        await program.login();
        expect((await program.tools()).toSorted()).toEqual(READ);

        const first = await call();
        expect(first.value).toContain('.md');
        expect(
          first.records.filter(({ event }) => /^(?:token|refresh)\./.test(event)).length,
        ).toBeLessThanOrEqual(1);

        expect(await ageTokens(server, home)).toBeGreaterThan(0);
        const refreshed = await call();
        expect(refreshed.value).toContain('.md');
        expect(refreshed.records).toContainEqual(expect.objectContaining({ event: 'refresh.rotated' }));
        expect(user.opened).toHaveLength(1);

        user.ticks(['files:read', 'files:write']);
        await program.relogin();
        expect((await program.tools()).toSorted()).toEqual([...READ, 'write_file']);
        expect(await program.call('write_file', NOTE)).toContain(`Written: ${NOTE.path}`);
        await program.relogin();
        // One for each client: opencode forgets its registration with its sign-in, and registers anew.
        const clients = new Set(user.opened.map((url) => url.searchParams.get('client_id')));
        expect(clients.size).toBe(which === opencode ? 3 : 1);
        expect(await user.connectionLines()).toBe(clients.size);

        await user.endConnections();
        expect((await call()).value).toContain('.md');
        await ageTokens(server, home);
        const ended = await observe(server, () => program.call('list_files', {}).catch(String));
        expect(ended.value).not.toContain('README.md');
        expect(ended.records).toContainEqual(
          expect.objectContaining({ event: 'refresh.rejected', reason: 'grant_ended' }),
        );
        await program.relogin();
        expect((await call()).value).toContain('.md');
      },
      STORY_TIMEOUT_MS,
    );
  },
);

describeStories(
  'large client programs where none registers itself',
  {
    env: { GATEHOUSE_METADATA_DOCUMENTS: 'allowlist', GATEHOUSE_DYNAMIC_REGISTRATION: 'off' },
    fetch: clientsWeb,
    packages: import.meta.dirname,
  },
  (open) => {
    it.each(EACH_LARGE_PROGRAM)(
      'CLI-6: %s gets in after client catalogue enable',
      async (_, which) => {
        const { program } = await open(which, { register: (server) => letIn(server, which) });
        await program.login();
        expect(await program.call('list_files', {})).toContain('.md');
      },
      STORY_TIMEOUT_MS,
    );
  },
);
