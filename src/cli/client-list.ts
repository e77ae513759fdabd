import { trustLevels } from '../domain/admission/index.ts';
import { listClients } from '../domain/clients/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `client list`: every client, oldest first. */
export const clientList: Register = (clients, cli) => {
  clients
    .command('list')
    .summary('list clients')
    .description(
      `Lists clients, oldest first: registered here, by themselves, or known by their metadata document, which are trusted as the rules say (${GATEHOUSE} client rules).`,
    )
    .action(() =>
      cli.withStore(async ({ config, database }) => {
        const levels = await trustLevels(database.pool, config.metadataDocuments);
        const found = (await listClients(database.pool)).map((client) => ({
          ...client,
          trust: levels.get(client.id)?.trust ?? client.trust,
          identity: levels.get(client.id)?.identity ?? 'unverified',
        }));
        return {
          json: found.map((client) => ({
            client_id: client.id,
            name: client.name,
            registration: client.registration,
            trust: client.trust,
            identity: client.identity,
            token_endpoint_auth_method: client.authMethod,
            grant_types: client.grantTypes,
            redirect_uris: client.redirectUris,
            created_at: client.createdAt,
          })),
          text: table(
            found,
            [
              ['name', (client) => client.name],
              ['trust', (client) => client.trust],
              ['identity', (client) => client.identity.replace('_', ' ')],
              ['came by', (client) => client.registration],
              ['authenticates', (client) => client.authMethod],
              ['added', (client) => minute(client.createdAt)],
              ['client_id', (client) => client.id],
            ],
            `No client is registered yet. Add one with: ${GATEHOUSE} client add`,
          ),
        };
      }),
    );
};
