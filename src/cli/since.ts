import { readDuration } from './duration.ts';
import { UsageError } from './failure.ts';

/**
 * The moment that `--since` names: a time, or how long ago.
 *
 * @throws UsageError for anything else.
 */
export function readSince(text: string, now: Date): Date {
  const seconds = readDuration(text);
  const time = seconds === undefined ? new Date(text) : new Date(now.getTime() - seconds * 1000);
  if (!Number.isNaN(time.getTime())) return time;
  throw new UsageError(
    `--since ${text} is no time: write 2026-11-21T08:00:00Z, or how long ago, for example 30m, 12h, 7d.`,
  );
}
