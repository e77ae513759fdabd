import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { findUser } from './find-user.ts';
import { printable } from './output.ts';

interface Options {
  readonly newEmail?: string;
  readonly name?: string;
}

/** `user rename`: changes the name or the e-mail address of a person. */
export const userRename: Register = (users, cli) => {
  users
    .command('rename')
    .summary('change the name or the e-mail address of a person')
    .description(
      'Changes the name or the e-mail address of a person. Sessions and connections stay. A new address ends one-time links that were made for the old one.',
    )
    .argument('<user>', 'e-mail address or id')
    .option('--name <name>', 'the new name')
    .option('--new-email <address>', 'the new address, which they sign in with from now on')
    .addHelpText(
      'after',
      `
Examples:
  $ ${GATEHOUSE} user rename ada@example.com --name 'Ada King'
  $ ${GATEHOUSE} user rename ada@example.com --new-email ada.king@example.com`,
    )
    .action(async (argument: string, { newEmail, name }: Options) => {
      if (newEmail === undefined && name === undefined) {
        throw new UsageError('Give --name, --new-email, or both.');
      }
      await cli.withStore(async ({ installation, cause }) => {
        const { id } = await findUser(installation, argument);
        await installation.users.rename(id, { email: newEmail, name }, cause);
        const user = await findUser(installation, id);
        return {
          json: { id, email: user.email, name: user.name },
          text: `${id} is now ${printable(user.name)} (${printable(user.email)}).`,
        };
      });
    });
};
