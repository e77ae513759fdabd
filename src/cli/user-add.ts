import type { Register } from './cli.ts';
import { printable } from './output.ts';

interface Options {
  readonly email: string;
  readonly name: string;
  readonly passwordStdin?: true;
  readonly totp?: true;
  readonly role?: string;
  readonly tenant?: string;
}

/** `user add`: adds a person, and shows the seed of their authenticator app this once. */
export const userAdd: Register = (users, cli) => {
  users
    .command('add')
    .summary('add a person')
    .description(
      'Adds a person. A password alone never signs in: give --totp beside it, or let them make a passkey.',
    )
    .requiredOption('--email <address>', 'what they sign in with')
    .requiredOption('--name <name>', 'how they are called')
    .option('--password-stdin', 'read a password from standard input')
    .option('--totp', 'make a seed for an authenticator app and show it once')
    .option('--role <role>', 'role in the tenant (default: member)')
    .option('--tenant <tenant>', 'id or name of the tenant (default: default)')
    .addHelpText(
      'after',
      `
Examples:
  $ gatehouse user add --email ada@example.com --name 'Ada Lovelace'
  $ pass show ada | gatehouse user add --email ada@example.com --name Ada --password-stdin --totp`,
    )
    .action(async (options: Options) => {
      const password = options.passwordStdin ? await cli.readSecret() : undefined;
      await cli.withStore(async ({ installation, origin }) => {
        const { email, name, totp, role, tenant } = options;
        const user = await installation.users.add({ email, name, password, totp, role, tenant }, origin);
        const seed = user.totp;
        return {
          json: {
            id: user.id,
            email: user.email,
            ...(seed ? { totp: { secret: seed.secret, otpauth_uri: seed.otpauthUri } } : {}),
          },
          text: [
            `Added ${printable(user.email)} as ${user.id}.`,
            ...(seed
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
