import { expect, it } from 'vitest';

import { createPace } from './pace.ts';

/** Milliseconds by which a timer may be early. */
const EARLY = 2;

it('has what comes all at once begin evenly, in its order, and refuses what would wait for too long', async () => {
  const pace = createPace({ every: 30, patience: 70 });
  const began = performance.now();
  const asked = [0, 1, 2, 3].map((n) => pace().then(() => ({ n, at: performance.now() - began })));
  await expect(asked[3]).rejects.toMatchObject({ code: 'throttled', retryAfter: 1 });
  const begun = await Promise.all(asked.slice(0, 3));
  for (const { n, at } of begun) expect(at).toBeGreaterThanOrEqual(30 * n - EARLY);
});

it('holds no place for what was refused', async () => {
  const pace = createPace({ every: 60_000, patience: 60_000 });
  await pace();
  const second = new Set([pace()]);
  for (let again = 0; again < 5; again += 1) await expect(pace()).rejects.toThrow();
  expect(second.size).toBe(1);
});
