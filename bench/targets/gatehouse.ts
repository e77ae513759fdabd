import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';

import { loadConfig } from '../../src/config/load.ts';
import { createInstallation } from '../../src/installation.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Database, openDatabase } from '../../src/platform/database/index.ts';
import { freePort } from '../../test/support/free-port.ts';
import type { Lab } from '../lab.ts';
import { childrenOf, cpuOf, cpuOfFamily, memoryOfFamily, nameOf, residentOf } from '../os/processes.ts';
import type { RedisServer } from '../stores/redis.ts';

import { startChild } from './child.ts';
import { createFixtures, type Fixtures } from './gatehouse-fixtures.ts';
import { suppliesOf } from './gatehouse-work.ts';
import type { Running, Target, TargetName } from './target.ts';

const BIN = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url));

/** A Gatehouse that runs, with a door to its store for what the requests will present. */
export interface RunningGatehouse extends Running {
  readonly database: Database;
  readonly fixtures: Fixtures;
}

export const gatehouseEmbedded: Target = {
  name: 'gatehouse-embedded',
  title: 'Gatehouse, embedded PostgreSQL',
  missing: () => undefined,
  start: (lab) => startEmbedded(lab, `${lab.directory}/embedded`),
};

export const gatehousePostgres: Target = {
  name: 'gatehouse-postgres',
  title: 'Gatehouse, PostgreSQL and Redis',
  missing: () => undefined,
  async start(lab) {
    const postgres = await lab.postgres();
    return startOnPostgres(lab, await postgres.createDatabase('gatehouse'));
  },
};

/** `gatehouse serve` with a PostgreSQL of its own in `dataDir`. */
export function startEmbedded(lab: Lab, dataDir: string): Promise<RunningGatehouse> {
  return start(lab, 'gatehouse-embedded', { GATEHOUSE_DATA_DIR: dataDir }, (server) => ({
    postmaster: childrenOf(server).find((child) => nameOf(child).startsWith('postgres')),
  }));
}

/** `gatehouse serve` on a database of the lab's PostgreSQL, with the lab's Redis. */
export async function startOnPostgres(
  lab: Lab,
  databaseUrl: string,
  /** What the server connects to instead, where something stands in between. */
  viaUrl: string = databaseUrl,
): Promise<RunningGatehouse> {
  const postgres = await lab.postgres();
  const redis = await lab.redis();
  const env = { DATABASE_URL: viaUrl, ...(redis ? { REDIS_URL: redis.url } : {}) };
  const running = await start(lab, 'gatehouse-postgres', env, () => ({ postmaster: postgres.pid, redis }), {
    databaseUrl,
  });
  return { ...running, wal: postgres.wal };
}

/** One master key for all servers of a run, which may share a database. */
const MASTER_KEY = randomBytes(32).toString('base64url');

async function start(
  lab: Lab,
  name: TargetName,
  env: Readonly<Record<string, string>>,
  find: (server: number) => {
    readonly postmaster: number | undefined;
    readonly redis?: RedisServer | undefined;
  },
  { databaseUrl }: { readonly databaseUrl?: string } = {},
): Promise<RunningGatehouse> {
  const port = await freePort();
  const address = { host: '127.0.0.1', port, authority: `localhost:${port}` };
  const environment = {
    GATEHOUSE_ISSUER: `http://localhost:${port}`,
    GATEHOUSE_LISTEN: `127.0.0.1:${port}`,
    GATEHOUSE_INTERNAL_LISTEN: `127.0.0.1:${await freePort()}`,
    GATEHOUSE_MASTER_KEY: MASTER_KEY,
    // On, so that its cost counts, and so wide that it never refuses.
    GATEHOUSE_THROTTLE_SIGN_IN_ACCOUNT: '1000000',
    GATEHOUSE_THROTTLE_SIGN_IN_NETWORK: '1000000',
    GATEHOUSE_THROTTLE_AUTHORIZATION_NETWORK: '1000000',
    GATEHOUSE_THROTTLE_TOKEN_NETWORK: '1000000',
    ...env,
  };
  const path = '/.well-known/oauth-authorization-server';
  const child = await startChild(lab, {
    name,
    script: BIN,
    args: ['serve'],
    env: environment,
    address,
    path,
  });
  const { postmaster, redis } = find(child.pid);

  const config = loadConfig({ ...environment, ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}) });
  const database = await openDatabase({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    poolSize: 2,
    log: pino({ level: 'silent' }),
    mode: 'join',
  });
  const installation = createInstallation({ config, database, clock: systemClock });
  const fixtures = await createFixtures({ database, installation, issuer: config.issuer });

  return {
    name,
    address,
    database,
    fixtures,
    supplies: suppliesOf(fixtures),
    startedInMs: child.startedInMs,
    cpu: () => ({
      server: cpuOf(child.pid),
      database: postmaster === undefined ? 0 : cpuOfFamily(postmaster),
      cache: redis ? cpuOf(redis.pid) : 0,
    }),
    memory: () => ({
      server: residentOf(child.pid),
      database: postmaster === undefined ? 0 : memoryOfFamily(postmaster),
      cache: redis ? residentOf(redis.pid) : 0,
    }),
    wal: async () => {
      const { rows } = await database.pool.query("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes");
      return Number(rows[0]?.bytes);
    },
    async stop() {
      await database.close();
      await child.stop();
    },
  };
}
