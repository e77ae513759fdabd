import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { findUser, nameOf } from './find-user.ts';
import { printable } from './output.ts';

/** `user enable`: lets a person sign in again. */
export const userEnable: Register = (users, cli) => {
  users
    .command('enable')
    .summary('let a person sign in again')
    .description('Lets a person sign in again. What ended when they were disabled stays ended.')
    .argument('[user]', 'e-mail address or id')
    .option('--email <address>', 'the same, as an option')
    .addHelpText('after', `\nExample:\n  $ ${GATEHOUSE} user enable ada@example.com`)
    .action(async (argument: string | undefined, { email }: { readonly email?: string }) => {
      const name = nameOf(argument, email);
      await cli.withStore(async ({ installation, cause }) => {
        const user = await findUser(installation, name);
        await installation.users.enable(user.id, cause);
        return {
          json: { id: user.id, email: user.email, disabled: false },
          text: `Enabled ${printable(user.email)}: they can sign in again, and have to connect their programs again.`,
        };
      });
    });
};
