import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { findUser, nameOf } from './find-user.ts';
import { issuedBefore } from './issued-before.ts';
import { printable } from './output.ts';

/** `user disable`: ends the sessions, grants and remembered consent of a user, who can no longer sign in. */
export const userDisable: Register = (users, cli) => {
  users
    .command('disable')
    .summary('shut a person out')
    .description(
      `Shuts a person out: ends all their sessions, connections, remembered consents, sign-ins under way and one-time links. A server that verifies tokens offline accepts one that was issued before until it expires. What they sign in with stays; if an attacker may have it, use \`${GATEHOUSE} user reset\`.`,
    )
    .argument('[user]', 'e-mail address or id')
    .option('--email <address>', 'the same, as an option')
    .option('--force', 'also the last administrator')
    .addHelpText('after', `\nExample:\n  $ ${GATEHOUSE} user disable ada@example.com`)
    .action(
      async (
        argument: string | undefined,
        { email, force }: { readonly email?: string; readonly force?: true },
      ) => {
        const name = nameOf(argument, email);
        await cli.withStore(async ({ config, installation, cause }) => {
          const user = await findUser(installation, name);
          await installation.users.disable(user.id, cause, { force });
          return {
            json: { id: user.id, email: user.email, disabled: true },
            text: [
              `Disabled ${printable(user.email)}: their sessions and connections have ended.`,
              issuedBefore(config),
              `They keep their passkeys and password. If an attacker may have one: ${GATEHOUSE} user reset`,
            ].join('\n'),
          };
        });
      },
    );
};
