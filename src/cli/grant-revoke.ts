import { endAccess } from '../domain/grants/index.ts';
import { describeRevocationDelay } from '../domain/tokens/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { NotFound } from '../kernel/errors.ts';

import type { Register } from './cli.ts';

/** `grant revoke`: ends one connection. */
export const grantRevoke: Register = (grants, cli) => {
  grants
    .command('revoke')
    .summary('end one grant')
    .description(
      'Ends one grant and forgets the remembered consent for its client at its server. It gets no new token; a server that verifies tokens offline accepts one that was issued before until it expires.',
    )
    .argument('<id>', `grt_…, as ${GATEHOUSE} grant list shows it`)
    .action((id: string) =>
      cli.withStore(async ({ config, database, cause }) => {
        const ended = await database.prisma.$transaction((tx) =>
          endAccess(tx, { grantId: id }, 'ended_by_administrator', cause),
        );
        if (ended.grants === 0)
          throw new NotFound(`there is no living grant ${id}; see: ${GATEHOUSE} grant list`);
        const delay = describeRevocationDelay(config.lifetimes.accessToken);
        return {
          json: { id, revoked: true, consents_forgotten: ended.consents },
          text: `Revoked ${id}. It gets no new token; the one that it holds stops working ${delay}.`,
        };
      }),
    );
};
