import type { Lab } from '../lab.ts';
import type { Driver } from '../load/driver.ts';
import type { GrowthPoint } from '../report/results.ts';
import { quantile, significant } from '../report/statistics.ts';
import { type RunningGatehouse, startOnPostgres } from '../targets/gatehouse.ts';

import { fillWithGrants, sizesOf, tokenOf } from './growth-store.ts';
import { joined, spreadOf } from './rounds.ts';

interface Site {
  readonly grants: number;
  readonly running: RunningGatehouse;
  readonly server: number[];
  readonly database: number[];
  readonly latencies: Float64Array[];
  /** How many of its tokens were used. */
  used: number;
}

const RATE = 100;

/**
 * Refreshes tokens from all over the table, on one database for each size, in turn, so that whatever else
 * the machine does meets all sizes alike.
 */
export async function measureGrowth(
  lab: Lab,
  driver: Driver,
  {
    sizes,
    rounds,
    operations,
    progress,
  }: {
    readonly sizes: readonly number[];
    readonly rounds: number;
    readonly operations: number;
    readonly progress: (line: string) => void;
  },
): Promise<readonly GrowthPoint[]> {
  const postgres = await lab.postgres();
  const sites: Site[] = [];
  try {
    for (const grants of sizes) {
      progress(`Growth: making ${grants.toLocaleString('en')} grants`);
      const databaseUrl = await postgres.createDatabase(`grants_${grants}`);
      const running = await startOnPostgres(lab, databaseUrl);
      sites.push({ grants, running, server: [], database: [], latencies: [], used: 0 });
      await fillWithGrants(databaseUrl, running.fixtures, grants);
    }
    const sizesBefore = await Promise.all(sites.map(({ running }) => sizesOf(running)));
    await postgres.query('CHECKPOINT');

    // Two stretches in a round and one to warm up: no token of the table is presented twice.
    const stretches = 2 * rounds + 1;
    for (const site of sites) await refresh(driver, site, { operations, stretches, kind: 'closed' });
    for (let round = 0; round < rounds; round += 1) {
      for (let n = 0; n < sites.length; n += 1) {
        const site = sites[(n + round) % sites.length] as Site;
        progress(`Growth: round ${round + 1} of ${rounds}, ${site.grants.toLocaleString('en')} grants`);
        const before = site.running.cpu();
        await refresh(driver, site, { operations, stretches, kind: 'closed' });
        const after = site.running.cpu();
        site.server.push((after.server - before.server) / operations);
        site.database.push((after.database - before.database) / operations);
        site.latencies.push(
          await refresh(driver, site, { operations: operations / 2, stretches, kind: 'open' }),
        );
      }
    }
    return sites.map((site, index) => pointOf(site, sizesBefore[index] as { grants: number; audit: number }));
  } finally {
    for (const { running } of sites) await running.stop();
  }
}

/** Begins with tokens that were not used yet, far from each other; a small table has few, and goes on with their successors. */
async function refresh(
  driver: Driver,
  site: Site,
  {
    operations,
    stretches,
    kind,
  }: { readonly operations: number; readonly stretches: number; readonly kind: 'closed' | 'open' },
): Promise<Float64Array> {
  const { running, grants } = site;
  const { client } = running.fixtures;
  const count = Math.min(operations, Math.floor(grants / stretches));
  // A stride that is prime to the size meets every grant once.
  const tokens = Array.from({ length: count }, (_, n) => tokenOf(((site.used + n) * 7919) % grants));
  site.used += count;
  await driver.load(running.address, {
    kind: 'refresh',
    path: '/token',
    form: { client_id: client.id },
    tokens,
  });
  const mode =
    kind === 'closed'
      ? ({ kind, operations, concurrency: 8 } as const)
      : ({ kind, operations, rate: RATE } as const);
  return (await driver.run(mode)).latencies;
}

function pointOf(
  { grants, server, database, latencies }: Site,
  bytes: { readonly grants: number; readonly audit: number },
): GrowthPoint {
  return {
    grants,
    server: spreadOf(server),
    database: spreadOf(database),
    p99: significant(quantile(joined(latencies), 0.99), 3),
    bytesPerGrant: Math.round(bytes.grants / grants),
    auditBytesPerGrant: Math.round(bytes.audit / grants),
  };
}
