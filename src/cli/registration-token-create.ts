import { Option } from 'commander';
import {
  createRegistrationToken,
  REGISTRATION_TRUST,
  type RegistrationTrust,
} from '../domain/clients/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import type { Register } from './cli.ts';
import { readDuration } from './duration.ts';
import { UsageError } from './failure.ts';
import { minute } from './output.ts';

interface Options {
  readonly expires: string;
  readonly uses: string;
  readonly trust: RegistrationTrust;
}

/** `client registration-token create`: makes an initial access token, and shows it this once. */
export const registrationTokenCreate: Register = (tokens, cli) => {
  tokens
    .command('create')
    .summary('make a token')
    .description(
      'Makes an initial access token (RFC 7591): whoever has it may register clients at /register, where GATEHOUSE_DYNAMIC_REGISTRATION is initial-access-token or open.',
    )
    .option('--expires <duration>', 'how long it may be used: 30m, 12h, 7d', '7d')
    .option('--uses <number>', 'how many clients it may register', '1')
    .addOption(
      new Option('--trust <level>', 'trust level of the clients that it registers')
        .choices(REGISTRATION_TRUST)
        .default('untrusted'),
    )
    .addHelpText(
      'after',
      `
Example:
  $ ${GATEHOUSE} client registration-token create --expires 1d --uses 20 --trust known`,
    )
    .action(async ({ expires, uses, trust }: Options) => {
      const lifetime = readDuration(expires);
      if (lifetime === undefined) {
        throw new UsageError(`--expires ${expires} is no duration: write for example 30m, 12h or 7d.`);
      }
      if (!/^\d{1,9}$/.test(uses)) throw new UsageError(`--uses ${uses} is no number.`);
      await cli.withStore(async ({ config, database, cause }) => {
        const wanted = { tenantId: DEFAULT_TENANT, trust, uses: Number(uses), lifetime };
        const { id, token, expiresAt } = await createRegistrationToken(database.prisma, wanted, cause);
        const closed = config.dynamicRegistration === 'off';
        return {
          json: { id, token, trust, uses: wanted.uses, expires_at: expiresAt },
          text: [
            `id       ${id}`,
            `token    ${token}`,
            `uses     ${uses}, as ${trust}`,
            `expires  ${minute(expiresAt)}`,
            'The token is shown this once.',
            ...(closed
              ? [
                  'It opens nothing yet: GATEHOUSE_DYNAMIC_REGISTRATION is off. Set it to initial-access-token.',
                ]
              : []),
          ].join('\n'),
        };
      });
    });
};
