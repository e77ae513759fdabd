import type { Lab } from '../lab.ts';
import type { Driver } from '../load/driver.ts';
import { significant } from '../report/statistics.ts';
import type { Scenario, ScenarioName } from '../scenarios.ts';
import { type CountingProxy, startCountingProxy } from '../stores/counting-proxy.ts';
import { startOnPostgres } from '../targets/gatehouse.ts';
import type { Running } from '../targets/target.ts';

import { runStretch } from './stretch.ts';

export interface Count {
  readonly statements: number;
  readonly roundTrips: number;
}

const OPERATIONS = 200;

/**
 * Counts what one operation asks of PostgreSQL, at a server of its own behind a proxy that counts, so that
 * counting slows no other measurement.
 */
export async function countDatabaseTraffic(
  lab: Lab,
  driver: Driver,
  scenarios: readonly Scenario[],
): Promise<Partial<Record<ScenarioName, Count>>> {
  const postgres = await lab.postgres();
  const databaseUrl = await postgres.createDatabase('counted');
  const proxy = await startCountingProxy(databaseUrl);
  const running = await startOnPostgres(lab, databaseUrl, proxy.url);
  const counts: Partial<Record<ScenarioName, Count>> = {};
  try {
    for (const scenario of scenarios) {
      if (running.supplies[scenario.name]) {
        counts[scenario.name] = await countOperations(driver, running, proxy, scenario);
      }
    }
  } finally {
    await running.stop();
    await proxy.stop();
  }
  return counts;
}

/** What one operation of a scenario asks of PostgreSQL, at a server behind the proxy. */
export async function countOperations(
  driver: Driver,
  running: Running,
  proxy: CountingProxy,
  scenario: Scenario,
): Promise<Count> {
  const operations = Math.min(OPERATIONS, scenario.operations);
  // The first ones also prepare statements and read what is then remembered.
  await runStretch(driver, running, scenario, Math.ceil(operations / 4), { kind: 'closed' });
  const supply = running.supplies[scenario.name];
  if (!supply) throw new Error(`${running.name} has no ${scenario.name}`);
  await driver.load(running.address, await supply.make(operations));
  const before = proxy.traffic();
  await driver.run({ kind: 'closed', operations, concurrency: 1 });
  const after = proxy.traffic();
  return {
    statements: significant((after.statements - before.statements) / operations, 3),
    roundTrips: significant((after.roundTrips - before.roundTrips) / operations, 3),
  };
}
