import type { Config } from '../config/config.ts';
import { MasterKeyRefused } from '../domain/keys/index.ts';
import { createInstallation, prepareStore } from '../installation.ts';
import { IssuerChanged } from '../issuer-guard.ts';
import { systemClock } from '../kernel/clock.ts';
import { type Database, isStoreUnavailable, openDatabase } from '../platform/database/index.ts';
import { createLogger, type Logger } from '../platform/observability/index.ts';

import type { BareStore, Store } from './cli.ts';
import { NotAvailable, reasonOf } from './failure.ts';
import { byCommandLine } from './operator.ts';

/** A command runs a few queries one after the other. */
const POOL_SIZE = 4;

/**
 * Opens the store beside a running server or, without `DATABASE_URL` and a server, starts the embedded
 * PostgreSQL for this one command; migrates it when needed; and closes what it opened.
 *
 * @throws NotAvailable when there is no store to work with.
 */
export function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  return withBareStore(config, 'join', async ({ database, log, cause }) => {
    await available(() => prepareStore(config, database, { log }));
    return ifStillThere(async () => {
      const installation = await createInstallation({ config, database, clock: systemClock });
      await installation.prepare(cause);
      return work({ config, database, installation, cause });
    });
  });
}

/**
 * Opens the store and closes it again, and changes nothing in it: not even its tables.
 *
 * @throws NotAvailable when there is no store to work with; with `own` also when a server runs on it.
 */
export async function withBareStore<T>(
  config: Config,
  mode: 'join' | 'own',
  work: (store: BareStore & { readonly log: Logger }) => Promise<T>,
): Promise<T> {
  // What is worth an operator's eye stands in the command's own answer; the log is for what goes wrong.
  const level = config.logLevel === 'info' ? 'warn' : config.logLevel;
  const log = createLogger({ level });
  for (const warning of config.warnings) log.warn(warning);
  const cause = byCommandLine();
  const database = await available(() =>
    openDatabase({
      url: config.databaseUrl,
      dataDir: config.dataDir,
      poolSize: POOL_SIZE,
      log,
      mode,
    }),
  );
  try {
    return await ifStillThere(() => work({ config, database, cause, log }));
  } finally {
    await close(database);
  }
}

/** Whatever fails before the work begins means that there is no store to work with. */
async function available<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof MasterKeyRefused || error instanceof IssuerChanged) throw error;
    throw notAvailable(error);
  }
}

async function ifStillThere<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw isStoreUnavailable(error) && !(error instanceof NotAvailable) ? notAvailable(error) : error;
  }
}

function notAvailable(error: unknown): NotAvailable {
  return new NotAvailable(`The store is not available: ${reasonOf(error)}`, { cause: error });
}

/** The work is done and committed by now: a store that does not close cleanly changes nothing about it. */
async function close(database: Database): Promise<void> {
  await database.close().catch(() => undefined);
}
