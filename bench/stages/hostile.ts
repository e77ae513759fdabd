import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import type { Lab } from '../lab.ts';
import { type Driver, startDriver } from '../load/driver.ts';
import type { Expectation } from '../load/protocol.ts';
import { stolenMs } from '../os/processes.ts';
import type { Beside, Hostile } from '../report/results.ts';
import { median, quantile, significant } from '../report/statistics.ts';
import { type GatehouseOnWeb, startOnWeb } from '../targets/gatehouse.ts';
import { authorizationsOf } from '../targets/gatehouse-work.ts';
import { goodUrls, hostileUrls } from '../web/documents.ts';
import { startWeb } from '../web/start.ts';

import { joined } from './rounds.ts';

/** Refreshes in a second. */
const RATE = 100;
/** Families that are refreshed in turn: enough for answers that are ten seconds late. */
const FAMILIES = 10 * RATE;
/** Documents that are asked for at the same time. */
const AT_ONCE = 100;
/** Seconds from one hundred to the next: as long as a fetch that fails takes to be told. */
const EVERY = 5;
/** Milliseconds between two looks at the memory. */
const LOOK_EVERY = 50;
/** Share of the processors that others may have in a stretch: with more, its slowest hundredth is theirs. */
const STOLEN = 0.02;
/** How often a stretch is done until nobody has taken more; then it is the one with the least. */
const TRIES = 8;

/** What stands beside the refreshes: nothing, a hundred documents that we have a copy of, a hundred that are hostile. */
const SIDES = ['alone', 'known', 'hostile'] as const;
type Side = (typeof SIDES)[number];

/** Documents of a side, and what an authorization request for one is answered with. */
const DOCUMENTS = {
  known: { urls: () => goodUrls(AT_ONCE, 'known'), expect: { status: 303 } },
  hostile: {
    urls: (name: string) => hostileUrls(AT_ONCE, name),
    expect: { status: 400, contains: 'could not be identified' },
  },
} as const satisfies Record<
  Exclude<Side, 'alone'>,
  { urls(name: string): readonly string[]; expect: Expectation }
>;

/**
 * Refreshes at a fixed rate, alone, and while a hundred authorization requests at once name a hundred documents,
 * every five seconds, in turn: hostile ones that nobody has a copy of, and for comparison those that need no
 * fetch. The documents are on a web of its own, the requests come from a load generator of their own, both of which
 * give way as if they had machines of their own, and the fetcher has the bounds that it always has; only the
 * throttles before it are wide.
 */
export async function measureHostile(
  lab: Lab,
  driver: Driver,
  {
    rounds,
    seconds,
    progress,
  }: { readonly rounds: number; readonly seconds: number; readonly progress: (line: string) => void },
): Promise<Hostile> {
  const web = await startWeb(lab);
  const other = await startDriver({ measures: false });
  const server = await startOnWeb(lab, web, await (await lab.postgres()).createDatabase('hostile'));
  try {
    const { client, refreshTokens } = server.fixtures;
    const tokens = await refreshTokens(FAMILIES);
    const form = { client_id: client.id };
    await driver.load(server.address, { kind: 'refresh', path: '/token', form, tokens });
    let stretches = 0;
    let asked = 0;
    const run = async (side: Side) => {
      stretches += 1;
      const stretch = await runBeside(side, { driver, other, server, seconds, name: `${stretches}` });
      if (side === 'hostile') asked += stretch.documents;
      return stretch;
    };

    // What is loaded and made once for everybody is there before anything is measured.
    for (const side of ['known', 'alone'] as const) await run(side);
    const kept: Record<Side, Stretch[]> = { alone: [], known: [], hostile: [] };
    const { kept: before } = await server.look();
    for (let round = 0; round < rounds; round += 1) {
      for (const side of SIDES) {
        progress(`Hostile documents: round ${round + 1} of ${rounds}, ${side}`);
        kept[side].push(await undisturbed(() => run(side), progress));
      }
    }
    return {
      alone: besideOf(kept.alone),
      known: besideOf(kept.known),
      hostile: besideOf(kept.hostile),
      documentMicroseconds: {
        known: cpuOfDocuments(kept.known, kept.alone),
        hostile: cpuOfDocuments(kept.hostile, kept.alone),
      },
      peak: median(kept.hostile.map(({ memory }, round) => memory - (kept.alone[round]?.memory ?? 0))),
      left: (await server.look()).kept - before,
      documents: asked,
      stolen: Math.max(...Object.values(kept).flatMap((all) => all.map(({ stolen }) => stolen))),
      outcomes: await outcomesOf(server),
    };
  } finally {
    await server.stop();
    await other.stop();
    await web.stop();
  }
}

interface Stretch {
  readonly latencies: Float64Array;
  /** The most that the server had, in bytes. */
  readonly memory: number;
  /** Documents that were asked for meanwhile. */
  readonly documents: number;
  /** Microseconds of the server. */
  readonly cpu: number;
  /** Share of the processors that others had. */
  readonly stolen: number;
}

/** Does it again where the machine was not ours; answers the least disturbed. */
async function undisturbed(run: () => Promise<Stretch>, progress: (line: string) => void): Promise<Stretch> {
  let best: Stretch | undefined;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const next = await run();
    const [p99, taken] = [p99Of(next).toFixed(1), (100 * next.stolen).toFixed(1)];
    progress(`  p99 ${p99} ms, with ${taken} % of the processors taken by other machines`);
    if (!best || next.stolen < best.stolen) best = next;
    if (best.stolen <= STOLEN) break;
  }
  return best as Stretch;
}

function p99Of({ latencies }: Stretch): number {
  return quantile(joined([latencies]), 0.99);
}

/** One stretch of refreshes with whatever stands beside them, to the last answer of both. */
async function runBeside(
  side: Side,
  {
    driver,
    other,
    server,
    seconds,
    name,
  }: {
    readonly driver: Driver;
    readonly other: Driver;
    readonly server: GatehouseOnWeb;
    readonly seconds: number;
    readonly name: string;
  },
): Promise<Stretch> {
  // Each begins with as little garbage as the others.
  await server.look();
  const before = server.cpu().server;
  const [began, stolenBefore] = [performance.now(), stolenMs()];
  let refreshed = false;
  let ended = false;
  const refreshing = driver
    .run({ kind: 'open', operations: Math.round(RATE * seconds), rate: RATE })
    .finally(() => {
      refreshed = true;
    });
  const asking = side === 'alone' ? 0 : askForDocuments(other, server, { side, name, over: () => refreshed });
  const both = Promise.all([refreshing, asking]).finally(() => {
    ended = true;
  });
  const [[{ latencies }, documents], memory] = await Promise.all([both, watchMemory(server, () => ended)]);
  const stolen = (stolenMs() - stolenBefore) / (performance.now() - began) / availableParallelism();
  return { latencies, memory, documents, stolen, cpu: server.cpu().server - before };
}

/** What the server spends on one document, beyond the refreshes that stood beside it. */
function cpuOfDocuments(beside: readonly Stretch[], alone: readonly Stretch[]): number {
  const refreshes = median(alone.map(({ cpu }) => cpu));
  return significant(median(beside.map(({ cpu, documents }) => (cpu - refreshes) / documents)));
}

function besideOf(stretches: readonly Stretch[]): Beside {
  return {
    p50: significant(quantile(joined(stretches.map(({ latencies }) => latencies)), 0.5), 3),
    p99: significant(median(stretches.map(p99Of)), 3),
    memory: Math.max(...stretches.map(({ memory }) => memory)),
  };
}

/** Asks for a hundred new documents at once, again and again until it is over; answers how many they were. */
async function askForDocuments(
  driver: Driver,
  server: GatehouseOnWeb,
  {
    side,
    name,
    over,
  }: { readonly side: Exclude<Side, 'alone'>; readonly name: string; readonly over: () => boolean },
): Promise<number> {
  const { urls, expect } = DOCUMENTS[side];
  let asked = 0;
  while (!over()) {
    const next = performance.now() + EVERY * 1000;
    await driver.load(server.address, authorizationsOf(server.fixtures, urls(`${name}-${asked}`), expect));
    await driver.run({ kind: 'closed', operations: AT_ONCE, concurrency: AT_ONCE });
    asked += AT_ONCE;
    while (!over() && performance.now() < next) await delay(LOOK_EVERY);
  }
  return asked;
}

/** The most memory that the server had until then, in bytes. */
async function watchMemory(server: GatehouseOnWeb, over: () => boolean): Promise<number> {
  let most = 0;
  for (;;) {
    most = Math.max(most, server.resident());
    if (over()) return most;
    await delay(LOOK_EVERY);
  }
}

/** How often each end came of it, by the audit trail: one record for each document. */
async function outcomesOf({ database }: GatehouseOnWeb): Promise<Readonly<Record<string, number>>> {
  const { rows } = await database.pool.query<{ why: string; count: number }>(
    `SELECT detail->>'why' AS why, count(*)::int AS count FROM audit_records
     WHERE reason = 'client_document' GROUP BY 1 ORDER BY 2 DESC, 1`,
  );
  return Object.fromEntries(
    rows.map(({ why, count }) => [why.replace('cannot be used: ', '').split(':', 1)[0] ?? '', count]),
  );
}
