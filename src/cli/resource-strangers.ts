import { Argument } from 'commander';

import { admitStrangers } from '../domain/resources/index.ts';

import type { Register } from './cli.ts';
import { printable } from './output.ts';

/** `resource strangers`: whether clients that nobody vouches for may have anything at an MCP server. */
export const resourceStrangers: Register = (resources, cli) => {
  resources
    .command('strangers')
    .summary('admit or refuse clients that nobody vouches for')
    .description(
      'Says whether clients of the trust level untrusted may have anything at an MCP server. Those that are connected feel it at their next token.',
    )
    .argument('<resource>', 'its identifier or id')
    .addArgument(new Argument('<answer>', 'whether they are let in').choices(['admit', 'refuse']))
    .action((name: string, answer: 'admit' | 'refuse') =>
      cli.withStore(async ({ database, cause }) => {
        const admits = answer === 'admit';
        const { id, identifier } = await admitStrangers(database.prisma, name, admits, cause);
        return {
          json: { id, identifier, admits_strangers: admits },
          text: `${printable(identifier)} ${admits ? 'admits' : 'refuses'} clients that nobody vouches for.`,
        };
      }),
    );
};
