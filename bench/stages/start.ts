import type { Lab } from '../lab.ts';
import type { Spread } from '../report/results.ts';
import { startEmbedded } from '../targets/gatehouse.ts';
import type { Target, TargetName } from '../targets/target.ts';

import { spreadOf } from './rounds.ts';

export type StartTimes = Partial<Record<TargetName, Spread>> & { readonly veryFirst?: Spread };

/**
 * From the start of the process to the first 200. The embedded PostgreSQL is made and started by the very
 * first start, and started by every other.
 */
export async function measureStart(
  lab: Lab,
  targets: readonly Target[],
  times: number,
  progress: (line: string) => void,
): Promise<StartTimes> {
  const spreads: Partial<Record<TargetName, Spread>> = {};
  let veryFirst: Spread | undefined;
  for (const target of targets) {
    if (target.name === 'gatehouse-embedded') {
      const first: number[] = [];
      const warm: number[] = [];
      for (let n = 0; n < times; n += 1) {
        progress(`Start: ${target.name}, ${n + 1} of ${times}`);
        const dataDir = `${lab.directory}/start-${n}`;
        for (const kept of [first, warm]) {
          const running = await startEmbedded(lab, dataDir);
          kept.push(running.startedInMs);
          await running.stop();
        }
      }
      veryFirst = spreadOf(first);
      spreads[target.name] = spreadOf(warm);
      continue;
    }
    const warm: number[] = [];
    for (let n = 0; n < times; n += 1) {
      progress(`Start: ${target.name}, ${n + 1} of ${times}`);
      const running = await target.start(lab);
      warm.push(running.startedInMs);
      await running.stop();
    }
    spreads[target.name] = spreadOf(warm);
  }
  return { ...spreads, ...(veryFirst ? { veryFirst } : {}) };
}
