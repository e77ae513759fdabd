import { InvalidArgumentError } from 'commander';

import type { Register } from './cli.ts';

/** `serve`: runs the authorization server until it is told to stop. */
export const serve: Register = (program, cli) => {
  program
    .command('serve')
    .summary('run the authorization server')
    .description(
      'Runs the authorization server until SIGTERM or SIGINT. Migrates the store first; logs to standard error. With several workers, SIGHUP replaces them one after the other, without a request that fails.',
    )
    .option('--workers <n>', 'processes that answer; GATEHOUSE_WORKERS otherwise', workers)
    .action(async (options: { readonly workers?: number }) => {
      const config = { ...(await cli.readConfig()), ...options };
      // Loaded late, so that help does not wait for the whole server.
      const { runServer } = await import('./run-server.ts');
      await runServer(config);
    });
};

function workers(text: string): number {
  const count = Number(text);
  if (!/^\d{1,3}$/.test(text) || count < 1 || count > 128) {
    throw new InvalidArgumentError('it is a number from 1 to 128.');
  }
  return count;
}
