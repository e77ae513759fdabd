import { setTimeout as delay } from 'node:timers/promises';

/**
 * Does some work, and tells of its failure when so many milliseconds have passed since it began, and not
 * before: whoever waits for the answer learns that it failed, and nothing by when. A success is told at once.
 */
export async function failAtFixedTime<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } catch (error) {
    await delay(Math.max(0, Math.ceil(began + ms - performance.now())));
    throw error;
  }
}
