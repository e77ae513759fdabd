/**
 * `npm run test:programs`: runs MCP client programs of other makers, as they are, against the server and the
 * example. Installs them first, from the lock files here. `-- --all` installs the large ones too; anything else is
 * handed to vitest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, '../..');

const args = process.argv.slice(2);
const all = args.includes('--all');

for (const folder of all ? [HERE, join(HERE, 'more')] : [HERE]) install(folder);
run(
  'npx',
  ['vitest', 'run', '--config', 'test/programs/vitest.config.ts', ...args.filter((arg) => arg !== '--all')],
  {
    cwd: ROOT,
    env: { ...process.env, ...(all ? { GATEHOUSE_TEST_PROGRAMS: 'all' } : {}) },
  },
);

/** Installs what a lock file names, unless that was done since the file changed. */
function install(folder: string): void {
  const installed = join(folder, 'node_modules/.package-lock.json');
  const wanted = join(folder, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(wanted).mtimeMs) return;
  // Not `npm ci`: the programs have optional dependencies for other systems, which not every registry has.
  run('npm', ['install', '--no-save', '--prefer-offline'], { cwd: folder });
}

function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
) {
  const { status, error } = spawnSync(command, args, { ...options, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
