import type { Register } from './cli.ts';
import { findUser, nameOf } from './find-user.ts';
import { printable } from './output.ts';

/** `user disable`: shuts a person out: their sessions end and their grants are revoked, at once. */
export const userDisable: Register = (users, cli) => {
  users
    .command('disable')
    .summary('shut a person out')
    .description('Shuts a person out: all their sessions end and all their grants are revoked, at once.')
    .argument('[user]', 'e-mail address or id')
    .option('--email <address>', 'the same, as an option')
    .addHelpText('after', '\nExample:\n  $ gatehouse user disable ada@example.com')
    .action(async (argument: string | undefined, { email }: { readonly email?: string }) => {
      const name = nameOf(argument, email);
      await cli.withStore(async ({ installation, origin }) => {
        const user = await findUser(installation, name);
        await installation.users.disable(user.id, origin);
        return {
          json: { id: user.id, email: user.email, disabled: true },
          text: `Disabled ${printable(user.email)}: their sessions are ended and their grants revoked.`,
        };
      });
    });
};
