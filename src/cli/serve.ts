import type { Register } from './cli.ts';

/** `serve`: runs the authorization server until it is told to stop. */
export const serve: Register = (program, cli) => {
  program
    .command('serve')
    .summary('run the authorization server')
    .description(
      'Runs the authorization server until SIGTERM or SIGINT. Migrates the store first; logs to standard error.',
    )
    .action(async () => {
      const config = await cli.readConfig();
      // Loaded late, so that help does not wait for the whole server.
      const { runServer } = await import('./run-server.ts');
      await runServer(config);
    });
};
