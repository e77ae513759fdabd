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
import type { Web } from '../web/start.ts';

import { type ServerChild, startChild } from './child.ts';
import { createFixtures, type Fixtures } from './gatehouse-fixtures.ts';
import { suppliesOf } from './gatehouse-work.ts';
import type { Running, Target, TargetName } from './target.ts';

/** The program of a server, and what it is told. */
interface Program {
  readonly script: string;
  readonly args: readonly string[];
}

const SERVE: Program = {
  script: fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url)),
  args: ['serve'],
};
const ON_WEB = fileURLToPath(new URL('../servers/gatehouse-on-web.ts', import.meta.url));

/** A Gatehouse that runs, with a door to its store for what the requests will present. */
export interface RunningGatehouse extends Running {
  readonly database: Database;
  readonly fixtures: Fixtures;
}

interface Started {
  readonly running: RunningGatehouse;
  readonly child: ServerChild;
}

/** One that fetches from a web of ours, and counts what it sends there. */
export interface GatehouseOnWeb extends RunningGatehouse {
  /** What it has done since it started. Collects its garbage before it answers. */
  look(): Promise<{
    /** Names that it asked for. */
    readonly resolved: number;
    /** Addresses that it dialled. */
    readonly dialled: number;
    /** Bytes that it cannot forget, in its heap and beside it. */
    readonly kept: number;
  }>;
  /** Resident memory of the server alone, in bytes. */
  resident(): number;
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
export async function startEmbedded(lab: Lab, dataDir: string): Promise<RunningGatehouse> {
  const env = { GATEHOUSE_DATA_DIR: dataDir };
  const { running } = await start(lab, 'gatehouse-embedded', SERVE, env, (server) => ({
    postmaster: childrenOf(server).find((child) => nameOf(child).startsWith('postgres')),
  }));
  return running;
}

/** `gatehouse serve` on a database of the lab's PostgreSQL, with the lab's Redis. */
export async function startOnPostgres(
  lab: Lab,
  databaseUrl: string,
  /** What the server connects to instead, where something stands in between. */
  viaUrl: string = databaseUrl,
): Promise<RunningGatehouse> {
  return (await startWithStores(lab, SERVE, { databaseUrl, viaUrl })).running;
}

/** The same on a web of ours, which leads to no other. It lets in every client that has a document there. */
export async function startOnWeb(
  lab: Lab,
  web: Web,
  databaseUrl: string,
  viaUrl: string = databaseUrl,
): Promise<GatehouseOnWeb> {
  const { running, child } = await startWithStores(
    lab,
    { script: ON_WEB, args: [web.settings] },
    { databaseUrl, viaUrl },
  );
  return { ...running, look: () => child.ask({}), resident: () => residentOf(child.pid) };
}

async function startWithStores(
  lab: Lab,
  program: Program,
  { databaseUrl, viaUrl }: { readonly databaseUrl: string; readonly viaUrl: string },
): Promise<Started> {
  const postgres = await lab.postgres();
  const redis = await lab.redis();
  const env = { DATABASE_URL: viaUrl, ...(redis ? { REDIS_URL: redis.url } : {}) };
  const find = () => ({ postmaster: postgres.pid, redis });
  const { running, child } = await start(lab, 'gatehouse-postgres', program, env, find, { databaseUrl });
  return { running: { ...running, wal: postgres.wal }, child };
}

/** One master key for all servers of a run, which may share a database. */
const MASTER_KEY = randomBytes(32).toString('base64url');

async function start(
  lab: Lab,
  name: TargetName,
  program: Program,
  env: Readonly<Record<string, string>>,
  find: (server: number) => {
    readonly postmaster: number | undefined;
    readonly redis?: RedisServer | undefined;
  },
  { databaseUrl }: { readonly databaseUrl?: string } = {},
): Promise<Started> {
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
    GATEHOUSE_THROTTLE_GRANT: '1000000',
    GATEHOUSE_THROTTLE_DOCUMENT_NETWORK: '1000000',
    GATEHOUSE_THROTTLE_DOCUMENT_HOST: '1000000',
    GATEHOUSE_METADATA_DOCUMENTS: 'open',
    ...env,
  };
  const path = '/.well-known/oauth-authorization-server';
  const child = await startChild(lab, { name, ...program, env: environment, address, path });
  const { postmaster, redis } = find(child.pid);

  const config = loadConfig({ ...environment, ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}) });
  const database = await openDatabase({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    poolSize: 2,
    log: pino({ level: 'silent' }),
    mode: 'join',
  });
  const installation = await createInstallation({ config, database, clock: systemClock });
  const fixtures = await createFixtures({ database, installation, issuer: config.issuer });

  const running: RunningGatehouse = {
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
  return { running, child };
}
