import { revokeRegistrationToken } from '../domain/clients/index.ts';

import type { Register } from './cli.ts';
import { printable } from './output.ts';

/** `client registration-token revoke`: ends an initial access token. */
export const registrationTokenRevoke: Register = (tokens, cli) => {
  tokens
    .command('revoke')
    .summary('end a token')
    .description(
      'Ends an initial access token at once. The clients that it registered stay; see client remove.',
    )
    .argument('<id>', 'rgt_…')
    .action((id: string) =>
      cli.withStore(async ({ database, cause }) => {
        await revokeRegistrationToken(database.prisma, id, cause);
        return { json: { id, revoked: true }, text: `Revoked ${printable(id)}.` };
      }),
    );
};
