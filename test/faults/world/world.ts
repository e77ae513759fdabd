import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { loadConfig } from '../../../src/config/load.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import { createInstallation } from '../../../src/installation.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { APPLICATION, connectionUrl } from '../../../src/platform/database/embedded/endpoint.ts';
import { startEmbeddedPostgres } from '../../../src/platform/database/embedded/start.ts';
import { type Database, openDatabase } from '../../../src/platform/database/index.ts';
import { type PostgresProxy, startPostgresProxy } from '../../support/postgres-proxy.ts';
import { cause, FILES, type TestServer } from '../../support/server.ts';
import type { Random } from '../random.ts';

import { startFront } from './front.ts';
import { createNode, type Node } from './node.ts';
import { createDisk, type Disk } from './postgres.ts';
import { createRedis, hasRedis, type Redis } from './redis.ts';

/** `shared`: two processes on one PostgreSQL behind a proxy. `embedded`: one process and the PostgreSQL of its own. */
export type Shape = 'shared' | 'embedded';

/** An installation that things can be done to. */
export interface World {
  readonly shape: Shape;
  readonly nodes: readonly Node[];
  /** The installation as helpers of other tests know it; its database is an administrator's, on the same way as the nodes'. */
  readonly server: TestServer;
  /** The credential that the resource introspects with. */
  readonly resource: { readonly id: string; readonly secret: string };
  /** Past everything, for the fault that locks and for the reading at the end. */
  readonly directUrl: string;
  /** Directory of the cluster. */
  readonly cluster: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly proxy: PostgresProxy | undefined;
  readonly redis: Redis | undefined;
  readonly disk: Disk;
  stop(): Promise<void>;
}

const BIN = fileURLToPath(new URL('../../../src/cli/bin.ts', import.meta.url));
const silent = pino({ level: 'silent' });
/** Megabytes for a cluster with the write-ahead log that `SETTINGS` leaves it. */
const DISK = 600;
const SETTINGS = { max_wal_size: '64MB', min_wal_size: '32MB', wal_keep_size: '0' };

/**
 * Starts an installation on an empty store. Its processes begin together, after another that was killed in the
 * middle of its beginning, so that every run migrates under fire.
 */
export async function startWorld(shape: Shape, random: Random): Promise<World> {
  const undo: (() => unknown)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const disk = createDisk(shape === 'shared' ? DISK : undefined);
    undo.push(() => disk.remove());
    const front = await startFront();
    undo.push(() => front.stop());
    const store = shape === 'shared' ? await startShared(disk, undo) : undefined;
    const redis = shape === 'shared' && hasRedis() ? await createRedis() : undefined;
    await redis?.start();
    if (redis) undo.push(() => redis.kill());

    const environment: Readonly<Record<string, string>> = {
      NODE_ENV: 'test',
      GATEHOUSE_ISSUER: `http://localhost:${front.port}`,
      GATEHOUSE_INTERNAL_LISTEN: '127.0.0.1:0',
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
      GATEHOUSE_LOG_LEVEL: 'warn',
      DATABASE_POOL_SIZE: '4',
      // Long enough that nothing ends by time, and no limit is met: what is refused was revoked.
      GATEHOUSE_CODE_LIFETIME: '600',
      GATEHOUSE_REFRESH_GRACE: '300',
      GATEHOUSE_ACCESS_TOKEN_LIFETIME: '3600',
      GATEHOUSE_THROTTLE_SIGN_IN_ACCOUNT: '1000000',
      GATEHOUSE_THROTTLE_SIGN_IN_NETWORK: '1000000',
      GATEHOUSE_THROTTLE_TOKEN_NETWORK: '1000000',
      GATEHOUSE_THROTTLE_GRANT: '1000000',
      ...(store ? { DATABASE_URL: store.proxy.url } : { GATEHOUSE_DATA_DIR: disk.directory }),
      ...(redis ? { REDIS_URL: redis.url } : {}),
    };
    const nodes: Node[] = [];
    const onChange = () => front.use(nodes.filter((node) => node.isUp()).map(({ port }) => port));
    for (const name of shape === 'shared' ? ['one', 'two'] : ['one']) {
      nodes.push(await createNode(name, environment, onChange));
    }
    undo.push(() => Promise.all(nodes.map((node) => node.stop())));
    await dieEarly(environment, random.int(200, 1_500));
    await Promise.all(nodes.map((node) => node.start()));

    const config = loadConfig(environment);
    const joined = shape === 'embedded' ? await joinEmbedded(disk.directory) : undefined;
    const database: Database = await openDatabase({
      url: joined?.url ?? config.databaseUrl,
      dataDir: config.dataDir,
      poolSize: 2,
      log: silent,
      mode: 'join',
    });
    undo.push(() => database.close());
    const { resource, secret = '' } = await addResource(
      database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: FILES,
        name: 'Team Files',
        scopes: [{ scope: 'files:read', description: 'Read files', destructive: false }],
        withSecret: true,
      },
      cause,
    );
    return {
      resource: { id: resource.id, secret },
      shape,
      nodes,
      environment,
      server: {
        issuer: config.issuer,
        database,
        installation: await createInstallation({ config, database, clock: systemClock }),
        databaseUrl: environment['DATABASE_URL'] ?? '',
        environment,
        internal: '',
        stop,
      },
      directUrl: store?.url ?? joined?.url ?? '',
      cluster: store?.cluster ?? joined?.cluster ?? '',
      proxy: store?.proxy,
      redis,
      disk,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startShared(disk: Disk, undo: (() => unknown)[]) {
  const postgres = await startEmbeddedPostgres({ dataDir: disk.directory, log: silent, settings: SETTINGS });
  undo.push(() => postgres.close());
  const url = connectionUrl(postgres.endpoint, APPLICATION);
  const proxy = await startPostgresProxy(url);
  undo.push(() => proxy.stop());
  return { url, cluster: postgres.cluster, proxy };
}

/** Where the PostgreSQL of a node listens; the node keeps it, and starts it again at the same place. */
async function joinEmbedded(dataDir: string) {
  const postgres = await startEmbeddedPostgres({ dataDir, log: silent, mode: 'join' });
  const url = connectionUrl(postgres.endpoint, APPLICATION);
  await postgres.close();
  return { url, cluster: postgres.cluster };
}

/** Begins as a server does, and is killed. */
async function dieEarly(environment: Readonly<Record<string, string>>, after: number): Promise<void> {
  const child = spawn(process.execPath, [BIN, 'serve'], {
    env: { PATH: process.env['PATH'], ...environment, GATEHOUSE_LISTEN: '127.0.0.1:0' },
    stdio: 'ignore',
  });
  const gone = once(child, 'exit');
  await delay(after);
  child.kill('SIGKILL');
  await gone;
}
