/**
 * `npm run bench`: what Gatehouse takes of a machine, beside servers of the same kind.
 *
 *     main ──▶ targets/   the servers, each a process of its own (servers/ has the ones made for this)
 *          ──▶ stages/    rounds of every scenario in rotating order; growth, soak, start, contention, documents
 *          ──▶ web/       what clients publish, for the stages in which the server fetches it
 *          ──▶ load/      the load generator, another process
 *          ──▶ report/    goals, table, bench/results/<name>.json; plot.ts draws docs/performance.svg, page.ts fills docs/performance.md
 *
 * CPU time is read from the operating system for the server and for every process of its database, so
 * that neither hides behind the other. Fixtures go straight into the stores; requests go over HTTP.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

import { createLab, type Lab } from './lab.ts';
import { type Driver, startDriver } from './load/driver.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { draw } from './plot.ts';
import { goalsOf } from './report/goals.ts';
import { pageWith } from './report/page.ts';
import type { MemoryUse, Results } from './report/results.ts';
import { tableOf } from './report/table.ts';
import { SCENARIOS } from './scenarios.ts';
import { measureContention } from './stages/contention.ts';
import { countDatabaseTraffic } from './stages/counts.ts';
import { measureDocuments } from './stages/documents.ts';
import { measureGrowth } from './stages/growth.ts';
import { measureHostile } from './stages/hostile.ts';
import { measureScenario } from './stages/rounds.ts';
import { measureSoak } from './stages/soak.ts';
import { measureStart } from './stages/start.ts';
import { measureHash, measureVerification } from './stages/verification.ts';
import { gatehouseEmbedded, gatehousePostgres, type RunningGatehouse } from './targets/gatehouse.ts';
import { bare, betterAuth, floor, stock } from './targets/peers.ts';
import type { Running, Target, TargetName } from './targets/target.ts';

const TARGETS: readonly Target[] = [bare, floor, stock, betterAuth, gatehouseEmbedded, gatehousePostgres];
const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));
const PLOT = fileURLToPath(new URL('../docs/performance.svg', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
/** What a quick run is of a whole one. */
const QUICK_SHARE = 0.1;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Found = Mutable<Omit<Results, 'goals'>>;

try {
  const options = readOptions(process.argv.slice(2));
  if (options) await bench(options);
  else console.log(HELP);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function bench(options: Options): Promise<void> {
  if (process.platform !== 'linux') throw new Error('The benchmark reads /proc, which only Linux has.');
  const lab = createLab({ profile: options.profile });
  const driver = await startDriver();
  try {
    const found = await measure(options, lab, driver);
    const results: Results = { ...found, goals: goalsOf(found) };
    keep(results, options);
    console.log(`\n${tableOf(results)}`);
  } finally {
    await driver.stop();
    await lab.stop();
  }
}

async function measure(options: Options, lab: Lab, driver: Driver): Promise<Found> {
  const { quick, rounds } = options;
  const has = (name: Options['scenarios'][number]) => options.scenarios.includes(name);
  const targets = TARGETS.filter(({ name }) => options.targets.includes(name));
  const present = targets.filter((target) => target.missing() === undefined);
  const withPostgres = options.targets.includes('gatehouse-postgres');
  const found = await blank(options, lab, targets);
  const memory = new Map<TargetName, { idle: MemoryUse; loaded: MemoryUse }>();

  if (has('start')) {
    found.start = await measureStart(lab, present.filter(startsAnywhere), quick ? 2 : 5, progress);
  }
  if (has('verification')) {
    progress('Verification');
    found.verification = await measureVerification({ rounds, tokens: quick ? 500 : 5000 });
  }

  const scenarios = SCENARIOS.filter(({ name }) => has(name));
  const needed = scenarios.length > 0 || has('contention') || has('soak');
  const running: Running[] = [];
  try {
    for (const target of needed ? present : []) {
      progress(`Starting ${target.name}`);
      running.push(await target.start(lab));
    }
    for (const one of running) memory.set(one.name, { idle: one.memory(), loaded: one.memory() });
    for (const scenario of scenarios) {
      await attempt(found, scenario.name, async () => {
        found.scenarios[scenario.name] = await measureScenario(driver, running, scenario, {
          rounds,
          share: quick ? QUICK_SHARE : 1,
          openSeconds: quick ? 0.5 : 5,
          progress,
          observe: (name, loaded) => memory.set(name, { idle: memory.get(name)?.idle ?? loaded, loaded }),
        });
      });
    }
    const gatehouse = running.find(({ name }) => name === 'gatehouse-postgres') as
      | RunningGatehouse
      | undefined;
    if (gatehouse && has('contention')) {
      await attempt(found, 'contention', async () => {
        const hashMicroseconds = await measureHash(rounds);
        const other = await startDriver();
        progress('Token endpoint beside sign-ins');
        const length = { rounds, seconds: quick ? 2 : 10, hashMicroseconds };
        found.contention = await measureContention(driver, other, gatehouse, length).finally(other.stop);
      });
    }
    if (gatehouse && has('soak')) {
      await attempt(found, 'soak', async () => {
        found.soak = await measureSoak(driver, gatehouse, options.soakSeconds, progress);
      });
    }
  } finally {
    for (const one of running) await one.stop();
  }
  found.memory = Object.fromEntries(memory);

  if (withPostgres && scenarios.length > 0) {
    progress('Counting what is asked of PostgreSQL');
    const measurable = scenarios.filter(({ name }) => found.scenarios[name]);
    const counts = await countDatabaseTraffic(lab, driver, measurable);
    for (const { name } of measurable) {
      const measured = found.scenarios[name]?.['gatehouse-postgres'];
      if (measured) Object.assign(measured, counts[name]);
    }
  }
  if (withPostgres && has('documents')) {
    await attempt(found, 'documents', async () => {
      const share = quick ? QUICK_SHARE : 1;
      found.documents = await measureDocuments(lab, driver, { rounds, share, progress });
    });
  }
  if (withPostgres && has('hostile')) {
    await attempt(found, 'hostile', async () => {
      // Many short stretches, of a hundred documents each: what else the machine does is in few of them.
      const length = quick ? { rounds, seconds: 6 } : { rounds: 2 * rounds, seconds: 9 };
      found.hostile = await measureHostile(lab, driver, { ...length, progress });
    });
  }
  if (withPostgres && has('growth')) {
    const operations = quick ? 300 : 2000;
    await attempt(found, 'growth', async () => {
      found.growth = await measureGrowth(lab, driver, {
        sizes: options.grants,
        rounds,
        operations,
        progress,
      });
    });
  }
  return found;
}

/** One failure does not take the rest of a long run with it. */
async function attempt(
  found: Found,
  name: keyof Results['failed'],
  measuring: () => Promise<void>,
): Promise<void> {
  try {
    await measuring();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    found.failed = { ...found.failed, [name]: reason.split('\n', 1)[0] ?? '' };
    progress(`${name} failed: ${reason}`);
  }
}

async function blank({ rounds, quick }: Options, lab: Lab, targets: readonly Target[]): Promise<Found> {
  const needsPostgres = targets.some(({ name }) => name === 'floor' || name === 'gatehouse-postgres');
  const skipped = targets.flatMap((target) => {
    const reason = target.missing();
    return reason === undefined ? [] : [[target.name, reason] as const];
  });
  return {
    at: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      node: process.version,
      postgres: needsPostgres ? (await lab.postgres()).version : undefined,
      redis: needsPostgres && (await lab.redis()) !== undefined,
      load: loadavg()[0] ?? Number.NaN,
    },
    rounds,
    quick,
    skipped: Object.fromEntries(skipped),
    failed: {},
    scenarios: {},
    memory: {},
  };
}

/** The others make their database at each start, which would be timed with it. */
function startsAnywhere({ name }: Target): boolean {
  return name === 'bare' || name === 'stock' || name === 'gatehouse-embedded';
}

function keep(results: Results, { name }: Options): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${name}.json`, `${JSON.stringify(results, undefined, 1)}\n`);
  if (name !== 'latest') return;
  writeFileSync(PLOT, draw(results));
  writeFileSync(PAGE, pageWith(readFileSync(PAGE, 'utf8'), results));
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
  else process.stderr.write(`${line}\n`);
}
