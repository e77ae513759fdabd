import type { Register } from './cli.ts';
import { NotAvailable, reasonOf } from './failure.ts';

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
      const [{ serve: run }, database] = await Promise.all([
        import('../main.ts'),
        import('../platform/database/index.ts'),
      ]);
      try {
        await run(config);
      } catch (error) {
        const { DataDirectoryInUse, EmbeddedPostgresFailed, MigrationRefused } = database;
        const storeErrors = [DataDirectoryInUse, EmbeddedPostgresFailed, MigrationRefused];
        if (!database.isStoreUnavailable(error) && !storeErrors.some((type) => error instanceof type))
          throw error;
        throw new NotAvailable(`The store is not available: ${reasonOf(error)}`, { cause: error });
      }
    });
};
