import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process in such a way that its number, used again by another, is not mistaken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in whatever form the platform gives; absent where it gives none. */
  readonly started?: string;
}

/** The identity of a process that runs now, or nothing. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!isAlive(pid)) return undefined;
  const started = startOf(pid);
  return started === undefined ? { pid } : { pid, started };
}

/** Whether the very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && (identity.started === undefined || now.started === identity.started);
}

/** Whether a process of this number runs. One that ended and was not yet reaped does not. */
export function isAlive(pid: number): boolean {
  return isInUse(pid) && (process.platform !== 'linux' || statFields(pid)?.[0] !== 'Z');
}

/** Whether the number is taken, if only by a process that ended and was not yet reaped. */
export function isInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The command line of a process, or nothing where the platform or its permissions do not tell. */
export function commandLine(pid: number): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return undefined;
  }
}

function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return `${boot}/${statFields(pid)?.[19]}`;
    }
    if (process.platform === 'win32') return undefined;
    return execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: {},
    }).trim();
  } catch {
    return undefined;
  }
}

/** The fields of /proc/<pid>/stat from the state on; the command before it may contain anything, also blanks. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
