import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { identify, isRunning, type ProcessIdentity } from './processes.ts';
import type { Site } from './site.ts';

/**
 * The note that says which process runs Gatehouse on this data directory.
 *
 * The lock itself is a session lock in the database, which dies with the session. The note names its holder,
 * and keeps the place while the holder brings a crashed PostgreSQL up again.
 */
export function recordOwner(site: Site): void {
  writeFileSync(noteOf(site), JSON.stringify(identify(process.pid)), { mode: 0o644 });
}

/** Removes the note, if it is ours. */
export function forgetOwner(site: Site): void {
  if (read(site)?.pid === process.pid) rmSync(noteOf(site), { force: true });
}

/** The pid of another process that runs now and owns the data directory, if there is one. */
export function otherOwner(site: Site): number | undefined {
  const owner = read(site);
  return owner !== undefined && owner.pid !== process.pid && isRunning(owner) ? owner.pid : undefined;
}

function noteOf(site: Site): string {
  return join(site.dataDir, 'owner.json');
}

/** A note that cannot be read (a power failure cut it) names nobody. */
function read(site: Site): ProcessIdentity | undefined {
  try {
    const note: unknown = JSON.parse(readFileSync(noteOf(site), 'utf8'));
    const pid = (note as { pid?: unknown }).pid;
    const started = (note as { started?: unknown }).started;
    if (typeof pid !== 'number') return undefined;
    return typeof started === 'string' ? { pid, started } : { pid };
  } catch {
    return undefined;
  }
}
