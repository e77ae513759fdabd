import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const TASKS = '/proc/self/task';
/** What libuv calls the threads of its pool. */
const POOL_THREAD = 'libuv-worker';
/** A ninth of the weight of a thread of the usual kind. */
const NICE = 10;

/**
 * Lets the threads of the pool give way to the thread that answers requests, and to the database: what runs
 * there for long is the hashing of passwords, which would otherwise take turns with tokens for a processor.
 * With nothing else to do they are as fast as before.
 *
 * Linux, where a priority belongs to a thread; elsewhere nothing happens. The pool exists once it had its
 * first work. Answers how many threads give way now.
 */
export function letPoolGiveWay(): number {
  if (process.platform !== 'linux') return 0;
  return readdirSync(TASKS)
    .filter((thread) => readFileSync(`${TASKS}/${thread}/comm`, 'utf8').trim() === POOL_THREAD)
    .filter((thread) => lower(Number(thread))).length;
}

/** The same for the thread that calls: what it does is never as urgent as an answer. */
export function giveWay(): void {
  // Of the whole process anywhere else.
  if (process.platform === 'linux') lower(0);
}

/** A container may forbid it; then it stays as it was. */
function lower(thread: number): boolean {
  try {
    setPriority(thread, NICE);
    return true;
  } catch {
    return false;
  }
}
