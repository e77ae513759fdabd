import { removeClient } from '../domain/clients/index.ts';
import { COUNTED, revokeGrantsOf } from '../domain/grants/index.ts';

import type { Register } from './cli.ts';
import { counted, printable } from './output.ts';

/** `client remove`: removes a client and revokes all of its grants. */
export const clientRemove: Register = (clients, cli) => {
  clients
    .command('remove')
    .summary('remove a client and revoke its grants')
    .description('Removes a client and revokes all of its grants, at once. Its id is never given again.')
    .argument('<client_id>', 'cli_…, or the URL of its metadata document')
    .action((clientId: string) =>
      cli.withStore(async ({ database, origin }) => {
        const removed = await removeClient({ prisma: database.prisma, revokeGrantsOf }, clientId, origin);
        const number = counted(removed.grantsRevoked, COUNTED);
        return {
          json: { client_id: removed.clientId, grants_revoked: removed.grantsRevoked },
          text: `Removed ${printable(removed.name)} (${printable(removed.clientId)}). Grants revoked: ${number}.`,
        };
      }),
    );
};
