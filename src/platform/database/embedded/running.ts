import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { runningPostmaster } from './postmaster.ts';
import { relocatedHome } from './relocation.ts';

/** Whether the PostgreSQL of a data directory runs on this machine right now. Starts, makes and changes nothing. */
export function isEmbeddedPostgresRunning(dataDirectory: string): boolean {
  if (!existsSync(dataDirectory)) return false;
  const dataDir = realpathSync(dataDirectory);
  return runningPostmaster({ cluster: join(relocatedHome(dataDir) ?? dataDir, 'postgres') }) !== undefined;
}
