import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { findUser, nameOf } from './find-user.ts';
import { issuedBefore } from './issued-before.ts';
import { printable } from './output.ts';

/** `user remove`: removes a person with all that they have. */
export const userRemove: Register = (users, cli) => {
  users
    .command('remove')
    .summary('remove a person')
    .description(
      `Removes a person for good: ends all their sessions and connections, and deletes their passkeys, password, remembered consents and roles. Audit records stay, under the id of the person. To shut a person out for a while use \`${GATEHOUSE} user disable\`.`,
    )
    .argument('[user]', 'e-mail address or id')
    .option('--email <address>', 'the same, as an option')
    .option('--force', 'also the last administrator')
    .addHelpText('after', `\nExample:\n  $ ${GATEHOUSE} user remove ada@example.com`)
    .action(
      async (
        argument: string | undefined,
        { email, force }: { readonly email?: string; readonly force?: true },
      ) => {
        const name = nameOf(argument, email);
        await cli.withStore(async ({ config, installation, cause }) => {
          const user = await findUser(installation, name);
          const { sessions, connections } = await installation.users.remove(user.id, cause, { force });
          return {
            json: {
              id: user.id,
              email: user.email,
              sessions_ended: sessions,
              grants_revoked: connections,
            },
            text: [
              `Removed ${printable(user.email)}. Sessions ended: ${sessions}. Connections ended: ${connections}. ${issuedBefore(config)}`,
              `Audit records stay: ${GATEHOUSE} audit list --subject ${user.id}`,
            ].join('\n'),
          };
        });
      },
    );
};
