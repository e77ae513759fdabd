import type { Driver } from '../load/driver.ts';
import type { Contention } from '../report/results.ts';
import { median, quantile, significant } from '../report/statistics.ts';
import type { RunningGatehouse } from '../targets/gatehouse.ts';

import { joined } from './rounds.ts';

/** How many people sign in at the same time. */
const AT_ONCE = 8;
const RATE = 100;

/**
 * Refreshes at a fixed rate, alone and while eight people sign in at the same time, in turn. The sign-ins
 * come from a load generator of their own.
 */
export async function measureContention(
  driver: Driver,
  other: Driver,
  running: RunningGatehouse,
  {
    rounds,
    seconds,
    hashMicroseconds,
  }: { readonly rounds: number; readonly seconds: number; readonly hashMicroseconds: number },
): Promise<Contention> {
  const { refresh } = running.supplies;
  const signIn = running.supplies['sign-in'];
  if (!refresh || !signIn) throw new Error(`${running.name} does not sign in and refresh`);
  await driver.load(running.address, await refresh.make(0));
  const operations = Math.round(RATE * seconds);
  const load = () => driver.run({ kind: 'open', operations, rate: RATE });
  await load();

  const alone: Float64Array[] = [];
  const beside: Float64Array[] = [];
  let signIns = 0;
  for (let round = 0; round < rounds; round += 1) {
    alone.push((await load()).latencies);
    const people = AT_ONCE * Math.ceil(seconds * 6);
    await other.load(running.address, await signIn.make(people));
    let ended = false;
    const measured = load().finally(() => {
      ended = true;
    });
    while (!ended && signIns < (round + 1) * people) {
      await other.run({ kind: 'closed', operations: AT_ONCE, concurrency: AT_ONCE });
      signIns += AT_ONCE;
    }
    beside.push((await measured).latencies);
  }
  const of = (parts: readonly Float64Array[]) => ({
    p50: significant(quantile(joined(parts), 0.5), 3),
    p99: significant(median(parts.map((part) => quantile(joined([part]), 0.99))), 3),
  });
  return { alone: of(alone), beside: of(beside), signIns, hashMicroseconds: significant(hashMicroseconds) };
}
