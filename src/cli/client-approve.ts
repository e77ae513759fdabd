import { Option } from 'commander';
import { approveRequest } from '../domain/admission/index.ts';
import { TRUST_LEVELS, type TrustLevel } from '../domain/authority/index.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import type { Register } from './cli.ts';
import { printable } from './output.ts';

/** `client approve`: lets a client in that somebody asked for. */
export const clientApprove: Register = (clients, cli) => {
  clients
    .command('approve')
    .summary('let a client in that somebody asked for')
    .description('Lets a client in that somebody asked for, and answers everybody who asked for it.')
    .argument('<request>', 'the id of a request, or the URL of the client')
    .addOption(
      new Option('--trust <level>', 'trust level')
        .choices(TRUST_LEVELS.filter((level) => level !== 'blocked'))
        .default('known'),
    )
    .action((request: string, { trust }: { readonly trust: TrustLevel }) =>
      cli.withStore(async ({ database, cause }) => {
        const { clientId, requests } = await approveRequest(
          database.prisma,
          { name: request, tenantId: DEFAULT_TENANT },
          { trust },
          cause,
        );
        return {
          json: { client_id: clientId, trust, requests },
          text: `${printable(clientId)} is ${trust}. Requests answered: ${requests}.`,
        };
      }),
    );
};
