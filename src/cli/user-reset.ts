import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { findUser, nameOf } from './find-user.ts';
import { issuedBefore } from './issued-before.ts';
import { printable } from './output.ts';
import { linkLines } from './user-link.ts';

/** `user reset`: takes an account back, and makes the link with which its person comes back. */
export const userReset: Register = (users, cli) => {
  users
    .command('reset')
    .summary('take an account back, and make a recovery link')
    .description(
      'For a lost passkey, and for an account that an attacker may have: removes every passkey, password and authenticator app, ends all sessions, connections, remembered consents, sign-ins under way and one-time links, and prints a one-time recovery link. Also recovers an administrator.',
    )
    .argument('[user]', 'e-mail address or id')
    .option('--email <address>', 'the same, as an option')
    .addHelpText('after', `\nExample:\n  $ ${GATEHOUSE} user reset ada@example.com`)
    .action(async (argument: string | undefined, { email }: { readonly email?: string }) => {
      const name = nameOf(argument, email);
      await cli.withStore(async ({ config, installation, cause }) => {
        const user = await findUser(installation, name);
        const { factors, link, disabled, ...ended } = await installation.users.reset(user.id, cause);
        return {
          json: {
            id: user.id,
            email: user.email,
            sessions_ended: ended.sessions,
            grants_revoked: ended.connections,
            passkeys_removed: factors.passkeys,
            password_removed: factors.password,
            totp_removed: factors.totp,
            recovery_url: link.url,
            recovery_expires_at: link.expiresAt,
          },
          text: [
            `Reset ${printable(user.email)}. Sessions ended: ${ended.sessions}. Connections ended: ${ended.connections}. Passkeys removed: ${factors.passkeys}. ${issuedBefore(config)}`,
            'They choose a new passkey, or password and authenticator app, with this link:',
            ...linkLines(link),
            ...(disabled ? [`The person is disabled. The link works after: ${GATEHOUSE} user enable`] : []),
          ].join('\n'),
        };
      });
    });
};
