import { catalogueStatus } from '../domain/admission/index.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import { describeEntry } from './catalogue-entry.ts';
import type { Register } from './cli.ts';
import { table } from './output.ts';

/** `client catalogue list`: the well-known clients, and which of them are on. */
export const catalogueList: Register = (catalogue, cli) => {
  catalogue
    .command('list')
    .summary('list well-known clients')
    .description('Lists the well-known MCP clients. None is on before somebody switches it on.')
    .action(() =>
      cli.withStore(async ({ database }) => {
        const known = await catalogueStatus(database.prisma, { tenantId: DEFAULT_TENANT });
        return {
          json: known.map(({ entry, enabled, clientId }) => ({
            ...describeEntry(entry),
            enabled,
            ...(clientId === undefined ? {} : { client_id: clientId }),
          })),
          text: table(
            known,
            [
              ['name', ({ entry }) => entry.name],
              ['client', ({ entry }) => entry.title],
              ['of', ({ entry }) => entry.maker],
              ['comes by', ({ entry }) => entry.by],
              ['on', ({ enabled }) => (enabled ? 'yes' : 'no')],
              ['client_id', ({ clientId }) => clientId],
            ],
            '',
          ),
        };
      }),
    );
};
