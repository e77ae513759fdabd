import { Argument } from 'commander';
import { setTrust } from '../domain/admission/index.ts';
import { TRUST_LEVELS, type TrustLevel } from '../domain/authority/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';
import type { Register } from './cli.ts';
import { issuedBefore } from './issued-before.ts';
import { printable } from './output.ts';

/** `client trust`: how far a client is trusted. */
export const clientTrust: Register = (clients, cli) => {
  clients
    .command('trust')
    .summary('say how far a client is trusted')
    .description(
      `Says how far a client is trusted. Its connections feel it at their next token: a lower level leaves them less, for a shorter time; blocked suspends them until the level is raised again. A token that was issued before works until it expires at servers that verify offline. To end them for good: ${GATEHOUSE} client revoke-all.`,
    )
    .argument('<client_id>', 'cli_…, or the URL of its metadata document')
    .addArgument(new Argument('<level>', 'trust level').choices(TRUST_LEVELS))
    .addHelpText(
      'after',
      `
Examples:
  $ ${GATEHOUSE} client trust cli_3q2-7wAAAAAAAAAAAAAAAA trusted
  $ ${GATEHOUSE} client trust https://claude.ai/oauth/claude-code-client-metadata known`,
    )
    .action((clientId: string, trust: TrustLevel) =>
      cli.withStore(async ({ config, database, cause }) => {
        const { was } = await setTrust(database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust }, cause);
        return {
          json: { client_id: clientId, trust, ...(was === undefined ? {} : { was }) },
          text: `${printable(clientId)} is ${trust}${was === undefined || was === trust ? '' : `; it was ${was}`}.${trust === 'blocked' ? ` ${issuedBefore(config)}` : ''}`,
        };
      }),
    );
};
