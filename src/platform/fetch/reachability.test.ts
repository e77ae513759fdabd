import { afterEach, expect, it } from 'vitest';

import { type Reachability, watchReachability } from './reachability.ts';

let watch: Reachability | undefined;
afterEach(() => watch?.stop());

it('CLI-7: reachability is false when no name resolves, and true again once one does', async () => {
  const answers = [[], [], [{ address: '93.184.216.34', family: 4 as const }]];
  const changes: boolean[] = [];
  const changed = new Promise<void>((resolve) => {
    watch = watchReachability({
      outbound: { resolve: async () => answers.shift() ?? [] },
      hostname: 'client.example',
      retryIntervalMs: 1,
      onChange(reachable) {
        changes.push(reachable);
        if (reachable) resolve();
      },
    });
  });
  expect(watch?.reachable()).toBe(true);
  expect(await watch?.first).toBe(false);
  await changed;
  expect(watch?.reachable()).toBe(true);
  expect(changes).toEqual([false, true]);
  expect(answers).toEqual([]);
});

it('CLI-7: reachability counts a resolver that throws as unreachable, and asks once where a name resolves', async () => {
  watch = watchReachability({
    outbound: { resolve: () => Promise.reject(new Error('ECONNREFUSED')) },
    hostname: 'client.example',
    onChange: () => undefined,
  });
  expect(await watch.first).toBe(false);
  watch.stop();

  let asked = 0;
  watch = watchReachability({
    outbound: {
      async resolve() {
        asked += 1;
        return [{ address: '93.184.216.34', family: 4 }];
      },
    },
    hostname: 'client.example',
    retryIntervalMs: 1,
    onChange: () => undefined,
  });
  expect(await watch.first).toBe(true);
  expect(asked).toBe(1);
});
