import { removeResource } from '../domain/resources/index.ts';
import type { Register } from './cli.ts';
import { issuedBefore } from './issued-before.ts';
import { printable } from './output.ts';

/** `resource remove`: issues no more tokens for an MCP server. */
export const resourceRemove: Register = (resources, cli) => {
  resources
    .command('remove')
    .summary('remove an MCP server')
    .description(
      'Removes an MCP server: no token is issued for it any more. Its grants stay listed until they are revoked.',
    )
    .argument('<resource>', 'its identifier or id')
    .action((name: string) =>
      cli.withStore(async ({ config, database, cause }) => {
        const removed = await removeResource(database.prisma, name, cause);
        return {
          json: removed,
          text: `Removed ${printable(removed.identifier)} (${removed.id}). ${issuedBefore(config)}`,
        };
      }),
    );
};
