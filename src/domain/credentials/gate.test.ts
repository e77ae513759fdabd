import { describe, expect, it } from 'vitest';

import { HashingBusy } from './errors.ts';
import { createGate } from './gate.ts';

/** Jobs that run until they are told to end. */
function jobs() {
  const enders: (() => void)[] = [];
  let running = 0;
  let most = 0;
  return {
    job: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => enders.push(resolve));
      running -= 1;
    },
    async endAll() {
      while (enders.length > 0) {
        enders.shift()?.();
        await new Promise(setImmediate);
      }
    },
    most: () => most,
  };
}

describe('createGate', () => {
  it('N8: runs and queues a bounded number, and refuses the rest at once', async () => {
    const { job, endAll, most } = jobs();
    const gate = createGate({ concurrency: 2, queue: 3 });

    const results = Promise.allSettled(Array.from({ length: 10_000 }, () => gate.run(job)));
    await new Promise(setImmediate);
    await endAll();
    const settled = await results;

    expect(most()).toBe(2);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    const refused = settled.filter((result) => result.status === 'rejected');
    expect(refused.every(({ reason }) => reason instanceof HashingBusy)).toBe(true);
  });

  it('says how many run and wait', async () => {
    const { job, endAll } = jobs();
    const gate = createGate({ concurrency: 2, queue: 3 });
    const done = Promise.all(Array.from({ length: 4 }, () => gate.run(job)));
    await new Promise(setImmediate);

    expect(gate.load()).toEqual({ running: 2, waiting: 2 });
    await endAll();
    await done;
    expect(gate.load()).toEqual({ running: 0, waiting: 0 });
  });

  it('gives its place back after a failure', async () => {
    const gate = createGate({ concurrency: 1, queue: 0 });
    await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(gate.run(async () => 'yes')).resolves.toBe('yes');
  });
});

it('SEC-M4: a full queue gives the latest place of the largest prefix to a smaller one', async () => {
  const { job, endAll } = jobs();
  const gate = createGate({ concurrency: 1, queue: 4 });
  const flood = Array.from({ length: 10 }, () => gate.run(job, '2001:db8:666::/48'));
  const settled = Promise.allSettled(flood);
  const others = Promise.all(['203.0.113.0/24', '198.51.100.0/24'].map((prefix) => gate.run(job, prefix)));
  await new Promise(setImmediate);
  await endAll();

  await expect(others).resolves.toHaveLength(2);
  const statuses = (await settled).map(({ status }) => status);
  expect(statuses.filter((status) => status === 'fulfilled')).toHaveLength(3);
});
