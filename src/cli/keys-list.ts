import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `keys list`: the signing keys, newest first. */
export const keysList: Register = (keys, cli) => {
  keys
    .command('list')
    .summary('list signing keys')
    .description('Lists signing keys, newest first.')
    .action(() =>
      cli.withStore(async ({ installation }) => {
        const found = await installation.keys.list();
        return {
          json: found.map((key) => ({
            kid: key.kid,
            algorithm: key.algorithm,
            state: key.state,
            published: key.published,
            created_at: key.createdAt,
            retired_at: key.retiredAt,
          })),
          text: table(
            found,
            [
              ['kid', (key) => key.kid],
              ['algorithm', (key) => key.algorithm],
              ['state', (key) => key.state],
              ['published', (key) => (key.published ? 'yes' : 'no')],
              ['made', (key) => minute(key.createdAt)],
              ['retired', (key) => minute(key.retiredAt)],
            ],
            'There is no signing key.',
          ),
        };
      }),
    );
};
