import { findResource } from '../domain/resources/index.ts';
import {
  listSecrets,
  revokePreviousSecret,
  rotateSecret,
  type SecretHolder,
} from '../domain/secrets/index.ts';
import type { Database } from '../platform/database/index.ts';

import type { Register } from './cli.ts';
import { readDuration } from './duration.ts';
import { UsageError } from './failure.ts';
import { minute, printable, table } from './output.ts';

/** What the same commands say of a client and of a resource. */
interface Kind {
  readonly kind: SecretHolder['kind'];
  readonly argument: string;
  readonly describes: string;
  /** As `client add` and `resource add` call them. */
  readonly keys: { readonly id: string; readonly secret: string };
  /** A resource is named by its identifier too. */
  holder(database: Database, name: string): Promise<SecretHolder>;
}

const CLIENT: Kind = {
  kind: 'client',
  argument: '<client_id>',
  describes: 'cli_…',
  keys: { id: 'client_id', secret: 'client_secret' },
  holder: async (_database, id) => ({ kind: 'client', id }),
};

const RESOURCE: Kind = {
  kind: 'resource',
  argument: '<resource>',
  describes: 'its identifier or id',
  keys: { id: 'id', secret: 'secret' },
  holder: async ({ pool }, name) => ({ kind: 'resource', id: (await findResource(pool, name))?.id ?? name }),
};

const rotate =
  ({ kind, argument, describes, keys, holder }: Kind): Register =>
  (secrets, cli) => {
    secrets
      .command('rotate')
      .summary('make a new secret')
      .description(
        `Makes a new secret for a ${kind}, and shows it this once. The old one ends at once, or with --overlap only after it, so that the new one can be put in place meanwhile.`,
      )
      .argument(argument, describes)
      .option('--overlap <duration>', 'how long the old secret is accepted too: 30m, 24h, 7d (at most 30d)')
      .addHelpText(
        'after',
        `\nExample:\n  $ gatehouse ${kind} secret rotate ${kind === 'client' ? 'cli_…' : 'https://files.example.com/mcp'} --overlap 24h`,
      )
      .action(async (name: string, options: { readonly overlap?: string }) => {
        const overlap = options.overlap === undefined ? 0 : readDuration(options.overlap);
        if (overlap === undefined) {
          throw new UsageError(
            `--overlap ${options.overlap} is no duration: write for example 30m, 24h or 7d.`,
          );
        }
        await cli.withStore(async ({ database, cause }) => {
          const named = await holder(database, name);
          const { secret, previousExpiresAt } = await rotateSecret(
            database.prisma,
            named,
            { overlap },
            cause,
          );
          return {
            json: {
              [keys.id]: named.id,
              [keys.secret]: secret,
              ...(previousExpiresAt ? { previous_expires_at: previousExpiresAt } : {}),
            },
            text: [
              `secret  ${secret}`,
              'The secret is shown this once.',
              previousExpiresAt
                ? `The one before is accepted until ${minute(previousExpiresAt)}.`
                : 'No older one is accepted any more.',
            ].join('\n'),
          };
        });
      });
  };

const list =
  ({ kind, argument, describes, holder }: Kind): Register =>
  (secrets, cli) => {
    secrets
      .command('list')
      .summary('list the living secrets')
      .description(
        `Lists the secrets of a ${kind} that are accepted, newest first. Never the secrets themselves.`,
      )
      .argument(argument, describes)
      .action((name: string) =>
        cli.withStore(async ({ database }) => {
          const found = await listSecrets(database.pool, await holder(database, name));
          return {
            json: found.map(({ createdAt, expiresAt }) => ({
              created_at: createdAt,
              ...(expiresAt ? { expires_at: expiresAt } : {}),
            })),
            text: table(
              found,
              [
                ['created', ({ createdAt }) => minute(createdAt)],
                ['expires', ({ expiresAt }) => minute(expiresAt) ?? 'when it is replaced'],
              ],
              `${printable(name)} has no secret.`,
            ),
          };
        }),
      );
  };

const revoke =
  ({ kind, argument, describes, keys, holder }: Kind): Register =>
  (secrets, cli) => {
    secrets
      .command('revoke')
      .summary('end the old secret at once')
      .description(
        `Ends the secret of a ${kind} before its last rotation at once, without waiting for the overlap.`,
      )
      .argument(argument, describes)
      .action((name: string) =>
        cli.withStore(async ({ database, cause }) => {
          const named = await holder(database, name);
          await revokePreviousSecret(database.prisma, named, cause);
          return {
            json: { [keys.id]: named.id },
            text: `Only the newest secret of ${printable(name)} is accepted from now on.`,
          };
        }),
      );
  };

/** `client secret …` */
export const clientSecretCommands: readonly Register[] = [rotate, list, revoke].map((make) => make(CLIENT));
/** `resource secret …`: what a resource introspects with. */
export const resourceSecretCommands: readonly Register[] = [rotate, list, revoke].map((make) =>
  make(RESOURCE),
);
