import { revokeAllGrants } from '../domain/backup/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { issuedBefore } from './issued-before.ts';

/** `grant revoke-all`: ends every grant and session, and replaces the signing keys. */
export const grantRevokeAll: Register = (grants, cli) => {
  grants
    .command('revoke-all')
    .summary('end all grants and sessions of everybody')
    .description(
      `Ends every grant and every session, forgets all remembered consent, and replaces the signing keys. For a store that other tools have put back to an earlier state (pg_restore, point-in-time recovery), where nobody can know what was revoked since; ${GATEHOUSE} restore does it by itself.`,
    )
    .option('--yes', 'do it: everybody signs in and connects again')
    .action(async ({ yes = false }: { readonly yes?: boolean }) => {
      if (!yes) throw new UsageError('This ends every connection of everybody. If you mean it, add --yes.');
      await cli.withStore(async ({ config, database, installation, cause }) => {
        const ended = await revokeAllGrants(database.pool, cause);
        const { kid } = await installation.keys.replaceCompromised(cause);
        return {
          json: {
            grant_epoch: ended.epoch,
            grants_ended: ended.grants,
            sessions_ended: ended.sessions,
            kid,
          },
          text: `Ended ${ended.grants} connections and ${ended.sessions} sessions. ${issuedBefore(config)} ${kid} signs from now on, and every other key is dropped. People sign in and connect again.`,
        };
      });
    });
};
