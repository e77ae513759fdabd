import { isDocumentUrl, removeClient } from '../domain/clients/index.ts';
import { COUNTED, revokeGrantsOf } from '../domain/grants/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { issuedBefore } from './issued-before.ts';
import { counted, printable } from './output.ts';

/** `client remove`: removes a client and revokes all of its grants. */
export const clientRemove: Register = (clients, cli) => {
  clients
    .command('remove')
    .summary('remove a client and revoke its grants')
    .description(
      'Removes a client and revokes all of its grants. Its id is never given again. The URL of a metadata document is barred, whatever GATEHOUSE_METADATA_DOCUMENTS says, until client allow or client catalogue enable admits it again.',
    )
    .argument('<client_id>', 'cli_…, or the URL of its metadata document')
    .action((clientId: string) =>
      cli.withStore(async ({ config, database, cause }) => {
        const removed = await removeClient({ prisma: database.prisma, revokeGrantsOf }, clientId, cause);
        const number = counted(removed.grantsRevoked, COUNTED);
        return {
          json: { client_id: removed.clientId, grants_revoked: removed.grantsRevoked },
          text: `Removed ${printable(removed.name)} (${printable(removed.clientId)}). Grants revoked: ${number}. ${issuedBefore(config)}${barred(removed.clientId)}`,
        };
      }),
    );
};

/** Says how a metadata document, whose URL a client presents again, is admitted again. */
function barred(clientId: string): string {
  if (!isDocumentUrl(clientId)) return '';
  return `\nIts metadata document is barred from now on. To admit it again: ${GATEHOUSE} client allow ${printable(clientId)}\n(one of the catalogue: ${GATEHOUSE} client catalogue enable NAME)`;
}
