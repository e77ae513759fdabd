import { rejectRequest } from '../domain/admission/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import type { Register } from './cli.ts';
import { printable } from './output.ts';

/** `client reject`: keeps a client out that somebody asked for. */
export const clientReject: Register = (clients, cli) => {
  clients
    .command('reject')
    .summary('keep a client out that somebody asked for')
    .description(
      `Answers everybody who asked for a client that it does not come in. They can ask again after 90 days; others can ask at any time, unless it is kept out by: ${GATEHOUSE} client allow <url> --trust blocked.`,
    )
    .argument('<request>', 'the id of a request, or the URL of the client')
    .action((request: string) =>
      cli.withStore(async ({ database, cause }) => {
        const { clientId, requests } = await rejectRequest(
          database.prisma,
          { name: request, tenantId: DEFAULT_TENANT },
          cause,
        );
        return {
          json: { client_id: clientId, requests },
          text: `${printable(clientId)} stays out. Requests answered: ${requests}.`,
        };
      }),
    );
};
