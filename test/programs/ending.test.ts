import { expect, it } from 'vitest';

import { removeClient } from '../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../src/domain/grants/index.ts';
import { observe } from '../support/audit.ts';
import { cause } from '../support/server.ts';

import { ageTokens } from './age-tokens.ts';
import { EACH_PROGRAM } from './programs.ts';
import { describeStories } from './scene.ts';

describeStories(
  'client programs whose access was ended',
  { env: { GATEHOUSE_METADATA_DOCUMENTS: 'off', GATEHOUSE_DYNAMIC_REGISTRATION: 'open' } },
  (open) => {
    it.each(EACH_PROGRAM)(
      'CLI-2, CLI-5: %s works until its token expires after its connection ended, then asks for a sign-in; after its client was removed it registers anew',
      async (_, which) => {
        const { server, user, home, program } = await open(which);
        const call = () => observe(server, () => program.call('list_files', {}));
        await program.login();
        await user.endConnections();
        expect(await user.connectionLines()).toBe(0);

        const meanwhile = await call();
        expect(meanwhile.value).toContain('.md');
        expect(meanwhile.records).toEqual([]);

        await ageTokens(server, home);
        const ended = await call();
        expect(ended.value).toContain('.md');
        expect(ended.records).toContainEqual(
          expect.objectContaining({ event: 'refresh.rejected', reason: 'grant_ended' }),
        );
        expect(ended.clients).toBe(0);
        expect(user.opened).toHaveLength(2);
        expect(await user.connectionLines()).toBe(1);

        const clientId = user.opened[1]?.searchParams.get('client_id') ?? '';
        await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);
        await ageTokens(server, home);
        const removed = await call();
        expect(removed.value).toContain('.md');
        expect(removed.records).toContainEqual(
          expect.objectContaining({ event: 'client.authentication_failed', reason: 'client_removed' }),
        );
        expect(removed.clients).toBe(1);
        expect(user.opened).toHaveLength(3);
        expect(user.opened[2]?.searchParams.get('client_id')).not.toBe(clientId);
      },
    );
  },
);
