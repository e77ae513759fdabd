import { disableCatalogued } from '../domain/admission/index.ts';
import { revokeGrantsOf } from '../domain/grants/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';
import type { Register } from './cli.ts';
import { issuedBefore } from './issued-before.ts';

/** `client catalogue disable`: switches a well-known client off. */
export const catalogueDisable: Register = (catalogue, cli) => {
  catalogue
    .command('disable')
    .summary('let a well-known client in no more')
    .description(
      'Takes the rules of a well-known client away, or removes the client that was registered for it, with all of its grants.',
    )
    .argument('<name>', `as ${GATEHOUSE} client catalogue list shows it`)
    .action((name: string) =>
      cli.withStore(async ({ config, database, cause }) => {
        const deps = { prisma: database.prisma, revokeGrantsOf };
        const { entry, grantsRevoked } = await disableCatalogued(
          deps,
          name,
          { tenantId: DEFAULT_TENANT },
          cause,
        );
        return {
          json: { name: entry.name, enabled: false, grants_revoked: grantsRevoked },
          text: `${entry.title} is not let in any more.${grantsRevoked > 0 ? ` Grants revoked: ${grantsRevoked}.` : ''} ${issuedBefore(config)}`,
        };
      }),
    );
};
