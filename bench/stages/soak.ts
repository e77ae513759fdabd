import { setTimeout as delay } from 'node:timers/promises';

import type { Driver } from '../load/driver.ts';
import type { Soak } from '../report/results.ts';
import { significant, slope } from '../report/statistics.ts';
import type { Running } from '../targets/target.ts';

const RATE = 100;
const HOUR = 3600;
/** Milliseconds between two looks at the memory. */
const LOOK_EVERY = 2_000;

/** Refreshes at a steady rate for a long time, and looks whether memory grows. */
export async function measureSoak(
  driver: Driver,
  running: Running,
  seconds: number,
  progress: (line: string) => void,
): Promise<Soak> {
  const { refresh } = running.supplies;
  if (!refresh) throw new Error(`${running.name} does not refresh`);
  await driver.load(running.address, await refresh.make(0));
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const server: [number, number][] = [];
  const database: [number, number][] = [];
  let ended = false;
  const load = driver.run({ kind: 'open', operations: RATE * seconds, rate: RATE }).finally(() => {
    ended = true;
  });
  load.catch(() => {});
  while (!ended) {
    const memory = running.memory();
    server.push([elapsed(), memory.server]);
    database.push([elapsed(), memory.database]);
    progress(`Soak: ${Math.round(elapsed())} of ${seconds} s, ${Math.round(memory.server / 2 ** 20)} MiB`);
    await Promise.race([delay(LOOK_EVERY), load]).catch(() => {});
  }
  await load;
  const settled = (points: readonly [number, number][]) => points.filter(([at]) => at > seconds / 3);
  return {
    seconds,
    rate: RATE,
    serverSlope: significant(slope(settled(server)) * HOUR),
    databaseSlope: significant(slope(settled(database)) * HOUR),
    serverFirst: settled(server)[0]?.[1] ?? Number.NaN,
    serverLast: server.at(-1)?.[1] ?? Number.NaN,
  };
}
