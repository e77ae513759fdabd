import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';

const PACKAGE_ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** The environment, and what an operator should know of where it came from. */
export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly warnings: readonly string[];
}

/**
 * Reads the environment over the `.env` file of `cwd`, if there is one; a file that cannot be read is an error. Warns
 * of a file that another user owns or can change: it decides which database and which master key a command uses.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, cwd: string): Environment {
  const path = join(cwd, '.env');
  const file = readIfPresent(path);
  return file === undefined
    ? { env: { ...env }, warnings: [] }
    : { env: { ...parseEnv(file), ...env }, warnings: doubtsAbout(path, cwd) };
}

function doubtsAbout(path: string, cwd: string): readonly string[] {
  if (process.getuid === undefined) return [];
  const { uid, mode } = statSync(path);
  const own = process.getuid();
  if (uid !== own && uid !== 0 && resolve(cwd) !== PACKAGE_ROOT) {
    return [
      `${path} belongs to another user (uid ${uid}) and sets what this command does; unset it if you do not trust them`,
    ];
  }
  return (mode & 0o002) === 0
    ? []
    : [`${path} can be changed by every user of this machine; run: chmod o-w ${path}`];
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
