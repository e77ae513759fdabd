import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `keys list`: the signing keys, newest first. */
export const keysList: Register = (keys, cli) => {
  keys
    .command('list')
    .summary('list signing keys')
    .description(
      'Lists signing keys, newest first. A next key signs when its time is over; a retired one is published until then; a revoked one verifies nothing.',
    )
    .action(() =>
      cli.withStore(async ({ installation }) => {
        const found = await installation.keys.list();
        return {
          json: found.map((key) => ({
            kid: key.kid,
            algorithm: key.algorithm,
            state: key.state,
            since: key.since,
            until: key.until,
            published: key.published,
            created_at: key.createdAt,
          })),
          text: table(
            found,
            [
              ['kid', (key) => key.kid],
              ['algorithm', (key) => key.algorithm],
              ['state', (key) => key.state],
              ['since', (key) => minute(key.since)],
              ['until', (key) => minute(key.until)],
              ['published', (key) => (key.published ? 'yes' : 'no')],
            ],
            'There is no signing key.',
          ),
        };
      }),
    );
};
