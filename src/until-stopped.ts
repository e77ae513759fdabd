import { readFileSync } from 'node:fs';

/** Milliseconds between two looks at the processes that started this one. */
const LAUNCHER_POLL_MS = 500;

/**
 * Resolves at the first SIGTERM or SIGINT; from then on the next one ends the process at once. A process that npm
 * started stops when npm is gone, too.
 */
export async function untilStopped({ startedByNpm }: { readonly startedByNpm: boolean }): Promise<void> {
  await Promise.race([untilSignal(), ...(startedByNpm ? [untilLauncherGone()] : [])]);
}

async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve();
      });
    }
  });
}

/**
 * Resolves when npm has ended. npm passes SIGTERM to its shell alone and SIGHUP to no process: this one would
 * keep its ports without a parent.
 */
function untilLauncherGone(): Promise<void> {
  const before = launchers();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (launchers() === before) return;
      clearInterval(timer);
      resolve();
    }, LAUNCHER_POLL_MS);
    timer.unref();
  });
}

/** Returns the parent process and, on Linux, its parent: npm stands behind a shell. */
function launchers(): string {
  const { ppid } = process;
  try {
    const status = readFileSync(`/proc/${ppid}/stat`, 'utf8');
    const [, grandparent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return `${ppid} ${grandparent}`;
  } catch {
    return String(ppid);
  }
}
