import type { Driver } from '../load/driver.ts';
import type { Latency, Measurement, Spread } from '../report/results.ts';
import { median, quantile, significant } from '../report/statistics.ts';
import type { Scenario } from '../scenarios.ts';
import type { Memory, Running, TargetName } from '../targets/target.ts';

import { runStretch, type Stretch } from './stretch.ts';

export interface RoundOptions {
  readonly rounds: number;
  /** Share of a scenario's operations that a stretch has. */
  readonly share: number;
  /** Of the stretch in which latency is measured. */
  readonly openSeconds: number;
  readonly progress: (line: string) => void;
  /** Told the memory of a server after each of its stretches. */
  readonly observe: (name: TargetName, memory: Memory) => void;
}

interface Kept {
  readonly closed: Stretch[];
  readonly open: Stretch[];
}

/** A server that does not reach this multiple of the rate cannot say how quick it is at it. */
const HEADROOM = 1.3;

/**
 * Measures one scenario: every server warms up, then they take turns, and each round begins with another
 * one, so that whatever else the machine does meets all of them alike.
 */
export async function measureScenario(
  driver: Driver,
  all: readonly Running[],
  scenario: Scenario,
  { rounds, share, openSeconds, progress, observe }: RoundOptions,
): Promise<Partial<Record<TargetName, Measurement>>> {
  const able = all.filter(({ supplies }) => supplies[scenario.name]);
  const operations = Math.max(10, Math.round(scenario.operations * share));
  const kept = new Map<TargetName, Kept>(able.map(({ name }) => [name, { closed: [], open: [] }]));

  for (const running of able) {
    progress(`${scenario.title}: ${running.name} warms up`);
    await runStretch(driver, running, scenario, operations, { kind: 'closed' });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const running of rotated(able, round)) {
      progress(`${scenario.title}: round ${round + 1} of ${rounds}, ${running.name}`);
      const { closed, open } = kept.get(running.name) as Kept;
      const fast = await runStretch(driver, running, scenario, operations, { kind: 'closed' });
      closed.push(fast);
      observe(running.name, running.memory());
      if (fast.perSecond < scenario.rate * HEADROOM) continue;
      const count = Math.max(2, Math.round(scenario.rate * openSeconds));
      open.push(await runStretch(driver, running, scenario, count, { kind: 'open', rate: scenario.rate }));
    }
  }
  return Object.fromEntries(
    able.map(({ name }) => [name, measurementOf(kept.get(name) as Kept, scenario.rate, rounds)]),
  );
}

function measurementOf({ closed, open }: Kept, rate: number, rounds: number): Measurement {
  const wal = closed.flatMap(({ wal: bytes }) => (bytes === undefined ? [] : [bytes]));
  const latency = open.length < rounds ? undefined : latencyOf(open, rate);
  return {
    operations: closed[0]?.operations ?? 0,
    server: spreadOf(closed.map(({ cpu }) => cpu.server)),
    database: spreadOf(closed.map(({ cpu }) => cpu.database)),
    cache: spreadOf(closed.map(({ cpu }) => cpu.cache)),
    total: spreadOf(closed.map(({ cpu }) => cpu.server + cpu.database + cpu.cache)),
    perSecond: spreadOf(closed.map(({ perSecond }) => perSecond)),
    ...(latency ? { latency } : {}),
    ...(wal.length > 0 ? { wal: spreadOf(wal) } : {}),
  };
}

export function spreadOf(values: readonly number[]): Spread {
  return { min: significant(Math.min(...values)), median: significant(median(values)) };
}

function latencyOf(stretches: readonly Stretch[], rate: number): Latency {
  const all = joined(stretches.flatMap(({ latencies }) => latencies));
  return {
    rate,
    samples: all.length,
    p50: significant(quantile(all, 0.5), 3),
    p99: significant(quantile(all, 0.99), 3),
    p999: significant(quantile(all, 0.999), 3),
  };
}

/** All samples, ascending. */
export function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.sort();
}

function rotated<T>(values: readonly T[], by: number): readonly T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}
