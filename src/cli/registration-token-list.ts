import { listRegistrationTokens, type RegistrationToken } from '../domain/clients/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `client registration-token list`: every initial access token, oldest first. */
export const registrationTokenList: Register = (tokens, cli) => {
  tokens
    .command('list')
    .summary('list tokens')
    .description(
      'Lists initial access tokens, oldest first, with what is left of them. Never the tokens themselves.',
    )
    .action(() =>
      cli.withStore(async ({ database }) => {
        const found = await listRegistrationTokens(database.prisma);
        const now = new Date();
        return {
          json: found.map((token) => ({
            id: token.id,
            state: stateOf(token, now),
            trust: token.trust,
            uses: token.uses,
            used: token.used,
            created_at: token.createdAt,
            expires_at: token.expiresAt,
            ...(token.revokedAt ? { revoked_at: token.revokedAt } : {}),
          })),
          text: table(
            found,
            [
              ['state', (token) => stateOf(token, now)],
              ['trust', ({ trust }) => trust],
              ['used', ({ used, uses }) => `${used} of ${uses}`],
              ['expires', ({ expiresAt }) => minute(expiresAt)],
              ['created', ({ createdAt }) => minute(createdAt)],
              ['id', ({ id }) => id],
            ],
            `There is no registration token. Make one with: ${GATEHOUSE} client registration-token create`,
          ),
        };
      }),
    );
};

/** As this machine's clock has it; what counts when it is used is the database's. */
function stateOf({ revokedAt, expiresAt, used, uses }: RegistrationToken, now: Date): string {
  if (revokedAt) return 'revoked';
  if (expiresAt <= now) return 'expired';
  return used < uses ? 'usable' : 'used up';
}
