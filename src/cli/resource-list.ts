import { listResources } from '../domain/resources/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Register } from './cli.ts';
import { table } from './output.ts';

/** `resource list`: every MCP server, oldest first. */
export const resourceList: Register = (resources, cli) => {
  resources
    .command('list')
    .summary('list MCP servers')
    .description('Lists the MCP servers that tokens are issued for, oldest first.')
    .action(() =>
      cli.withStore(async ({ database }) => {
        const found = await listResources(database.pool);
        return {
          json: found.map((resource) => ({
            id: resource.id,
            identifier: resource.identifier,
            name: resource.name,
            scopes: resource.scopes,
            default_scopes: resource.defaultScopes,
            tools: resource.tools,
            has_secret: resource.hasSecret,
            admits_strangers: resource.admitsStrangers,
          })),
          text: table(
            found,
            [
              ['name', (resource) => resource.name],
              ['identifier', (resource) => resource.identifier],
              ['scopes', (resource) => resource.scopes.map(({ scope }) => scope).join(' ')],
              ['tools', (resource) => String(resource.tools.length)],
              ['strangers', (resource) => (resource.admitsStrangers ? 'admitted' : 'refused')],
              ['secret', (resource) => (resource.hasSecret ? 'yes' : 'no')],
              ['id', (resource) => resource.id],
            ],
            `No MCP server is registered yet. Add one with: ${GATEHOUSE} resource add`,
          ),
        };
      }),
    );
};
