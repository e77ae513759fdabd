import { findClient } from '../domain/clients/index.ts';
import { COUNTED, endConnectionsOfClient } from '../domain/grants/index.ts';
import { NotFound } from '../kernel/errors.ts';
import type { Register } from './cli.ts';
import { issuedBefore } from './issued-before.ts';
import { counted, printable } from './output.ts';

/** `client revoke-all`: ends every connection of a client, which may be connected again. */
export const clientRevokeAll: Register = (clients, cli) => {
  clients
    .command('revoke-all')
    .summary('end all grants of a client')
    .description(
      'Ends every grant of a client, however many (they are counted up to 10000), and forgets what people allowed it. The client stays: people connect it again, and are asked again. For one that is not to come back there is client remove.',
    )
    .argument('<client_id>', 'cli_…, or the URL of its metadata document')
    .action((clientId: string) =>
      cli.withStore(async ({ config, database, cause }) => {
        const client = await findClient(database.pool, clientId);
        if (!client) throw new NotFound(`No client ${clientId} is registered.`);
        const ended = await endConnectionsOfClient(database.prisma, client, cause);
        return {
          json: { client_id: clientId, grants_revoked: ended },
          text: `Ended ${counted(ended, COUNTED)} connections of ${printable(clientId)}. ${issuedBefore(config)}`,
        };
      }),
    );
};
