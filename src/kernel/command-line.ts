import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Returns how this program is called from a shell: by its name where it was installed under it, through npm in a
 * checkout, where the name is not on the PATH.
 *
 * @param script the path that the process was started with
 * @param root the folder of the package
 */
export function commandPrefix(script: string | undefined, root: string): string {
  const isCheckout = existsSync(join(root, 'package-lock.json'));
  return isCheckout && basename(script ?? '') !== 'gatehouse' ? 'npm run -s gatehouse --' : 'gatehouse';
}

/** How commands in pages, errors and output begin here: `${GATEHOUSE} client list`. */
export const GATEHOUSE: string = commandPrefix(process.argv[1], ROOT);
