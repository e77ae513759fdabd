import type { Config } from '../config/config.ts';
import { serve } from '../main.ts';
import {
  DataDirectoryInUse,
  EmbeddedPostgresFailed,
  isStoreUnavailable,
  MigrationRefused,
} from '../platform/database/index.ts';

import { NotAvailable, reasonOf } from './failure.ts';

/**
 * Runs the server until it is told to stop.
 *
 * @throws NotAvailable when there is no store to serve from.
 */
export async function runServer(config: Config): Promise<void> {
  try {
    await serve(config);
  } catch (error) {
    throw isAboutStore(error)
      ? new NotAvailable(`The store is not available: ${reasonOf(error)}`, { cause: error })
      : error;
  }
}

function isAboutStore(error: unknown): boolean {
  const types = [DataDirectoryInUse, EmbeddedPostgresFailed, MigrationRefused];
  return isStoreUnavailable(error) || types.some((type) => error instanceof type);
}
