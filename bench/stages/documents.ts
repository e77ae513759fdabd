import type { Lab } from '../lab.ts';
import type { Driver } from '../load/driver.ts';
import type { DocumentCosts, KnownBy, TokenCost } from '../report/results.ts';
import { SCENARIOS, type Scenario } from '../scenarios.ts';
import { startCountingProxy } from '../stores/counting-proxy.ts';
import { type GatehouseOnWeb, startOnWeb } from '../targets/gatehouse.ts';
import { authorizationsOf, tokenSuppliesOf } from '../targets/gatehouse-work.ts';
import type { Running } from '../targets/target.ts';
import { goodUrls } from '../web/documents.ts';
import { startWeb } from '../web/start.ts';

import { type Count, countOperations } from './counts.ts';
import { spreadOf } from './rounds.ts';
import { runStretch, type Stretch } from './stretch.ts';

const REQUESTS = ['code', 'refresh'] as const;
const KNOWN_BY = ['registration', 'document'] as const;

interface Case {
  readonly request: (typeof REQUESTS)[number];
  readonly knownBy: KnownBy;
  readonly scenario: Scenario;
  readonly stretches: Stretch[];
}

/**
 * Token requests of a client that is known by its metadata document, beside those of one that was registered, in
 * turn at the same server: what they take of the machine, and what they ask of PostgreSQL and of the network.
 */
export async function measureDocuments(
  lab: Lab,
  driver: Driver,
  {
    rounds,
    share,
    progress,
  }: { readonly rounds: number; readonly share: number; readonly progress: (line: string) => void },
): Promise<DocumentCosts> {
  const postgres = await lab.postgres();
  const web = await startWeb(lab);
  const cases = REQUESTS.flatMap((request) =>
    KNOWN_BY.map((knownBy): Case => ({ request, knownBy, scenario: scenarioOf(request), stretches: [] })),
  );
  try {
    const counts = await count(lab, driver, { cases, web });
    const server = await startOnWeb(lab, web, await postgres.createDatabase('documents'));
    try {
      const run = (one: Case) => {
        const operations = Math.max(10, Math.round(one.scenario.operations * share));
        return runStretch(driver, asKnownBy(server, one.knownBy), one.scenario, operations, {
          kind: 'closed',
        });
      };
      for (const one of cases) await run(one);
      for (let round = 0; round < rounds; round += 1) {
        progress(`Token requests of document clients: round ${round + 1} of ${rounds}`);
        for (let n = 0; n < cases.length; n += 1) {
          const one = cases[(n + round) % cases.length] as Case;
          one.stretches.push(await run(one));
        }
      }
      const outbound = await outboundOf(driver, server);
      const costOf = (request: Case['request'], knownBy: KnownBy): TokenCost => {
        const at = cases.findIndex((one) => one.request === request && one.knownBy === knownBy);
        const { stretches } = cases[at] as Case;
        return {
          server: spreadOf(stretches.map(({ cpu }) => cpu.server)),
          database: spreadOf(stretches.map(({ cpu }) => cpu.database)),
          ...(counts.byCase[at] as Count),
        };
      };
      const both = (request: Case['request']) => ({
        registration: costOf(request, 'registration'),
        document: costOf(request, 'document'),
      });
      return { code: both('code'), refresh: both('refresh'), outbound: counts.outbound + outbound };
    } finally {
      await server.stop();
    }
  } finally {
    await web.stop();
  }
}

/** At a server of its own behind a proxy that counts, so that counting slows no other measurement. */
async function count(
  lab: Lab,
  driver: Driver,
  { cases, web }: { readonly cases: readonly Case[]; readonly web: Awaited<ReturnType<typeof startWeb>> },
): Promise<{ readonly byCase: readonly Count[]; readonly outbound: number }> {
  const databaseUrl = await (await lab.postgres()).createDatabase('documents_counted');
  const proxy = await startCountingProxy(databaseUrl);
  const server = await startOnWeb(lab, web, databaseUrl, proxy.url);
  try {
    const byCase: Count[] = [];
    for (const { knownBy, scenario } of cases) {
      byCase.push(await countOperations(driver, asKnownBy(server, knownBy), proxy, scenario));
    }
    return { byCase, outbound: await outboundOf(driver, server) };
  } finally {
    await server.stop();
    await proxy.stop();
  }
}

/**
 * How much a server has sent out until now: names that it asked for and addresses that it dialled. That it is
 * counted at all is seen by one request that has to send something.
 */
async function outboundOf(driver: Driver, server: GatehouseOnWeb): Promise<number> {
  const until = await server.look();
  await driver.load(
    server.address,
    authorizationsOf(server.fixtures, goodUrls(1, 'counted'), { status: 303 }),
  );
  await driver.run({ kind: 'closed', operations: 1, concurrency: 1 });
  const then = await server.look();
  if (then.resolved !== until.resolved + 1 || then.dialled !== until.dialled + 1) {
    throw new Error('what a server sends out is not counted');
  }
  return until.resolved + until.dialled;
}

function asKnownBy(server: GatehouseOnWeb, knownBy: KnownBy): Running {
  const { client, documentClient } = server.fixtures;
  const of = knownBy === 'document' ? documentClient : client;
  return { ...server, supplies: tokenSuppliesOf(server.fixtures, of) };
}

function scenarioOf(request: Case['request']): Scenario {
  return SCENARIOS.find(({ name }) => name === request) as Scenario;
}
