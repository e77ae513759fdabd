import { type ClientRequest, listRequests } from '../domain/admission/index.ts';

import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `client requests`: who asks for which client. */
export const clientRequests: Register = (clients, cli) => {
  clients
    .command('requests')
    .summary('list clients that people ask for')
    .description(
      'Lists, oldest first, the clients that people ask for, where GATEHOUSE_METADATA_DOCUMENTS is review. Nothing was fetched from them.',
    )
    .option('--all', 'also those that were decided')
    .action(({ all }: { readonly all?: true }) =>
      cli.withStore(async ({ database }) => {
        const requests = await listRequests(database.prisma, { decided: all === true });
        return {
          json: requests.map(({ id, clientId, userEmail, reason, createdAt, decision }) => ({
            id,
            client_id: clientId,
            user: userEmail,
            reason,
            created_at: createdAt,
            decision,
          })),
          text: table(
            requests,
            [
              ['client_id', (request) => request.clientId],
              ['asked by', (request) => request.userEmail],
              ['since', (request) => minute(request.createdAt)],
              ...(all ? [['decision', (request: ClientRequest) => request.decision] as const] : []),
              ['why', (request) => request.reason || undefined],
              ['id', (request) => request.id],
            ],
            'Nobody asks for a client.',
          ),
        };
      }),
    );
};
