import type { Driver } from '../load/driver.ts';
import type { Scenario } from '../scenarios.ts';
import type { Cpu, Running } from '../targets/target.ts';

/** What one stretch of load took. */
export interface Stretch {
  readonly operations: number;
  /** Microseconds for one operation. */
  readonly cpu: Cpu;
  readonly perSecond: number;
  /** Bytes of write-ahead log for one operation. */
  readonly wal: number | undefined;
  readonly latencies: readonly Float64Array[];
}

/** How the operations of a stretch begin. */
export type Pace = { readonly kind: 'closed' } | { readonly kind: 'open'; readonly rate: number };

/**
 * Puts a server under one stretch of load and measures what it takes of the machine. A server with a bound on
 * what it remembers gets the stretch in pieces; what its fixtures cost is not counted.
 */
export async function runStretch(
  driver: Driver,
  running: Running,
  scenario: Scenario,
  operations: number,
  pace: Pace,
): Promise<Stretch> {
  const supply = running.supplies[scenario.name];
  if (!supply) throw new Error(`${running.name} has no ${scenario.name}`);
  const total = Math.min(operations, supply.most ?? operations);
  const used = { server: 0, database: 0, cache: 0 };
  const latencies: Float64Array[] = [];
  let seconds = 0;
  let wal = 0;

  for (let done = 0; done < total; ) {
    const count = Math.min(total - done, supply.batch ?? total);
    await driver.load(running.address, await supply.make(count));
    const [cpuBefore, walBefore] = [running.cpu(), await running.wal?.()];
    const outcome = await driver.run(
      pace.kind === 'closed'
        ? { kind: 'closed', operations: count, concurrency: Math.min(scenario.concurrency, count) }
        : { kind: 'open', operations: count, rate: pace.rate },
    );
    const cpu = running.cpu();
    wal += ((await running.wal?.()) ?? 0) - (walBefore ?? 0);
    used.server += cpu.server - cpuBefore.server;
    used.database += cpu.database - cpuBefore.database;
    used.cache += cpu.cache - cpuBefore.cache;
    seconds += outcome.seconds;
    latencies.push(outcome.latencies);
    done += count;
  }
  return {
    operations: total,
    cpu: { server: used.server / total, database: used.database / total, cache: used.cache / total },
    perSecond: total / seconds,
    wal: running.wal ? wal / total : undefined,
    latencies,
  };
}
