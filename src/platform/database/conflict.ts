import { setTimeout as delay } from 'node:timers/promises';

const TRIES = 3;
const PAUSE_MS = 10;

/** serialization_failure and deadlock_detected: the database undid everything and asks for another try. */
export function isConflict(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === '40001' || code === '40P01';
}

/** Makes an attempt again after a conflict, three times in all; whatever else it throws is thrown at once. */
export async function retryingConflicts<T>(attempt: () => Promise<T>): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isConflict(error) || made === TRIES) throw error;
      // Apart from each other, or the two that collided would collide again.
      await delay(PAUSE_MS * made * (0.5 + Math.random()));
    }
  }
}
