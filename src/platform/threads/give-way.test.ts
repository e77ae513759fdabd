import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { expect, it } from 'vitest';

import { letPoolGiveWay } from './give-way.ts';

it.runIf(process.platform === 'linux')(
  'the pool gives way, and the thread that answers does not',
  async () => {
    const usual = getPriority(process.pid);
    // The first work makes the pool.
    await stat('/');

    const lowered = letPoolGiveWay();

    const pool = readdirSync('/proc/self/task').filter((thread) =>
      readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').startsWith('libuv-worker'),
    );
    expect(pool.length).toBeGreaterThan(0);
    expect(lowered).toBe(pool.length);
    for (const thread of pool) expect(getPriority(Number(thread))).toBe(10);
    expect(getPriority(process.pid)).toBe(usual);
  },
);
