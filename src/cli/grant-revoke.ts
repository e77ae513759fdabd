import { revokeGrantsOf } from '../domain/grants/index.ts';
import { NotFound } from '../kernel/errors.ts';

import type { Register } from './cli.ts';

/** `grant revoke`: ends one connection. */
export const grantRevoke: Register = (grants, cli) => {
  grants
    .command('revoke')
    .summary('end one grant')
    .description(
      'Ends one grant: its tokens are refused from now on wherever they are asked about, and it cannot be refreshed.',
    )
    .argument('<id>', 'grt_…, as gatehouse grant list shows it')
    .action((id: string) =>
      cli.withStore(async ({ database, origin }) => {
        const ended = await database.prisma.$transaction((tx) =>
          revokeGrantsOf(tx, { grantIds: [id] }, 'ended_by_administrator', origin),
        );
        if (ended === 0) throw new NotFound(`there is no living grant ${id}; see: gatehouse grant list`);
        return { json: { id, revoked: true }, text: `Revoked ${id}.` };
      }),
    );
};
