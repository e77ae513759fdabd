import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** An account of the operating system, by number. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function runningAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The account that owns `path`, or nothing where the path does not exist or belongs to root.
 * A cluster keeps running as whoever made it.
 */
export function ownerOf(path: string): Account | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}

/** An existing unprivileged account to run PostgreSQL as, since it refuses root: `postgres`, else `nobody`. */
export function unprivilegedAccount(): Account | undefined {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const found = accounts.find(([name]) => name === wanted);
    // macOS writes the uid of `nobody` as -2; the kernel's number is unsigned.
    if (found) return { uid: Number(found[2]) >>> 0, gid: Number(found[3]) >>> 0 };
  }
  return undefined;
}

/** Whether the account may enter the directory and every directory above it. Access lists are not considered. */
export function canEnter(account: Account, directory: string): boolean {
  for (let path = directory; ; path = dirname(path)) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || !permits(stat, account, 1)) return false;
    if (dirname(path) === path) return true;
  }
}

/** Whether the account may read and execute the file, and come as far as its directory. */
export function canExecute(account: Account, file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && permits(stat, account, 5) && canEnter(account, dirname(file));
}

function permits(stat: { uid: number; gid: number; mode: number }, account: Account, bits: number): boolean {
  const shift = stat.uid === account.uid ? 6 : stat.gid === account.gid ? 3 : 0;
  return ((stat.mode >> shift) & bits) === bits;
}
