import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';
import type { Register } from './cli.ts';
import { printable } from './output.ts';
import { linkLines } from './user-link.ts';
import { ROLES_HELP } from './user-role.ts';

interface Options {
  readonly email: string;
  readonly name: string;
  readonly passwordStdin?: true;
  readonly totp?: true;
  readonly role?: string;
  readonly tenant?: string;
}

/** `user add`: adds a person, and shows this once how they sign in for the first time. */
export const userAdd: Register = (users, cli) => {
  users
    .command('add')
    .summary('add a person')
    .description(
      'Adds a person and prints a one-time link with which they choose a passkey, or a password and an authenticator app. No link is made when both --password-stdin and --totp are given.',
    )
    .requiredOption('--email <address>', 'what they sign in with')
    .requiredOption('--name <name>', 'their name')
    .option('--password-stdin', 'read a password from standard input; it never signs in alone')
    .option('--totp', 'make a seed for an authenticator app and show it once')
    .option('--role <role>', 'role in the tenant (default: member)')
    .option('--tenant <tenant>', 'id or name of the tenant (default: default)')
    .addHelpText(
      'after',
      `
${ROLES_HELP}

Examples:
  $ ${GATEHOUSE} user add --email ada@example.com --name 'Ada Lovelace'
  $ ${GATEHOUSE} user add --email grace@example.com --name 'Grace Hopper' --role admin
  $ pass show ada | ${GATEHOUSE} user add --email ada@example.com --name Ada --password-stdin --totp`,
    )
    .action(async (options: Options) => {
      const password = options.passwordStdin ? await cli.readSecret() : undefined;
      await cli.withStore(async ({ installation, cause }) => {
        const { email, name, totp, role, tenant = DEFAULT_TENANT } = options;
        const user = await installation.users.add({ email, name, password, totp, role, tenant }, cause);
        const { totp: seed, enrolment } = user;
        return {
          json: {
            id: user.id,
            email: user.email,
            roles: user.roles,
            ...(seed ? { totp: { secret: seed.secret, otpauth_uri: seed.otpauthUri } } : {}),
            ...(enrolment ? { enrolment_url: enrolment.url, enrolment_expires_at: enrolment.expiresAt } : {}),
          },
          text: [
            `Added ${printable(user.email)} as ${user.id}, with the role ${user.roles.join(' and ')}.`,
            ...(enrolment
              ? ['They choose how they sign in with this link:', ...linkLines(enrolment)]
              : seed
                ? [
                    'The seed for the authenticator app, shown this once:',
                    `  ${seed.secret}`,
                    `  ${seed.otpauthUri}`,
                  ]
                : []),
          ].join('\n'),
        };
      });
    });
};
