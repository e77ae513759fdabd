import { type Connection, listConnections } from '../domain/grants/index.ts';

import type { Register } from './cli.ts';
import { findUser } from './find-user.ts';
import { minute, table } from './output.ts';

/** When a grant ends; that of one that a newer one has replaced, unless it is used before. */
function endOf({ expiresAt, endsUnusedAt }: Connection): string | undefined {
  return endsUnusedAt ? `${minute(endsUnusedAt)} unless used (superseded)` : minute(expiresAt);
}

/** `grant list`: every living grant, newest first. */
export const grantList: Register = (grants, cli) => {
  grants
    .command('list')
    .summary('list living grants')
    .description('Lists living grants, newest first.')
    .option('--user <user>', 'of this person only (e-mail address or id)')
    .option('--client <client_id>', 'of this client only')
    .action(({ user, client }: { readonly user?: string; readonly client?: string }) =>
      cli.withStore(async ({ database, installation }) => {
        const userId = user === undefined ? undefined : (await findUser(installation, user)).id;
        const living = await listConnections(database.prisma, userId);
        const found = living.filter((grant) => client === undefined || grant.client.id === client);
        return {
          json: found.map((grant) => ({
            id: grant.id,
            user: grant.userEmail,
            user_id: grant.userId,
            client_id: grant.client.id,
            client_name: grant.client.name,
            resource: grant.resource.identifier,
            scopes: grant.scopes.map(({ scope }) => scope),
            created_at: grant.since,
            last_used_at: grant.lastUsedAt,
            expires_at: grant.expiresAt,
            ...(grant.endsUnusedAt ? { ends_unused_at: grant.endsUnusedAt } : {}),
          })),
          text: table(
            found,
            [
              ['id', (grant) => grant.id],
              ['user', (grant) => grant.userEmail],
              ['client', (grant) => grant.client.name],
              ['resource', (grant) => grant.resource.identifier],
              ['scopes', (grant) => grant.scopes.map(({ scope }) => scope).join(' ')],
              ['last used', (grant) => minute(grant.lastUsedAt)],
              ['ends', endOf],
            ],
            'There is no living grant.',
          ),
        };
      }),
    );
};
