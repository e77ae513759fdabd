import { once } from 'node:events';

import type { Config } from '../config/config.ts';
import { prepareStore } from '../installation.ts';
import { openDatabase, startEmbeddedPostgres } from '../platform/database/index.ts';
import {
  createDrain,
  createHttpServer,
  createInternalApp,
  type Drain,
  type Exposition,
} from '../platform/http/index.ts';
import { createLogger, type Logger } from '../platform/observability/index.ts';

import { createFleet, type Fleet } from './fleet.ts';
import { forkWorker, type WorkerMember } from './fork.ts';
import { mergeMetrics } from './merge-metrics.ts';

/**
 * Serves with `config.workers` processes until `stopped` settles, then lets them drain. SIGHUP replaces
 * them one after the other, without a request that fails; a new one reads the configuration again.
 *
 * @throws WorkersFailed when workers end as soon as they are started.
 * @throws DataDirectoryInUse, EmbeddedPostgresFailed as the store does.
 */
export async function serveWithWorkers(config: Config, stopped: () => Promise<void>): Promise<void> {
  const log = createLogger({ level: config.logLevel });
  for (const warning of config.warnings) log.warn(warning);
  const { databaseUrl, dataDir, redisUrl, throttle } = config;
  if (redisUrl === undefined && throttle.enabled) {
    log.warn('each worker throttles by itself; set REDIS_URL for limits that hold for all of them');
  }
  const store =
    databaseUrl === undefined ? await startEmbeddedPostgres({ dataDir, log, mode: 'own' }) : undefined;
  try {
    await proveStore(config, log);
  } catch (error) {
    await store?.close();
    throw error;
  }
  const fleet = createFleet({ size: config.workers, fork: forkWorker, log });
  const roll = () => void fleet.roll();
  process.on('SIGHUP', roll);
  let internal: Drain | undefined;
  try {
    internal = await openInternal(config, fleet, log);
    await Promise.race([stopped(), fleet.failed]);
    log.info('draining');
  } finally {
    await Promise.all([fleet.stop(), internal?.drain()]);
    process.off('SIGHUP', roll);
    await store?.close();
  }
}

/**
 * Opens the store once, before any worker: a store that is away, or sealed with another master key, is one error here
 * and not one in each worker again and again.
 */
async function proveStore(config: Config, log: Logger): Promise<void> {
  const { databaseUrl: url, dataDir } = config;
  const database = await openDatabase({ url, dataDir, poolSize: 1, log, mode: 'join' });
  try {
    await prepareStore(config, database, { log });
  } finally {
    await database.close();
  }
}

/** Probes and metrics. Ready is whoever has a worker that is. */
async function openInternal(config: Config, fleet: Fleet<WorkerMember>, log: Logger): Promise<Drain> {
  let draining = () => false;
  const app = createInternalApp({
    log,
    draining: () => draining(),
    checks: [{ name: 'workers', check: () => Promise.any(fleet.listening().map(({ ask }) => ask('ready'))) }],
    metrics: () => metricsOf(fleet),
    hosts: [config.internalListen.host.toLowerCase(), ...config.internalHosts],
  });
  const server = createHttpServer(app.callback(), { issuer: config.issuer });
  const drain = createDrain([server]);
  draining = drain.draining;
  server.listen(config.internalListen);
  await once(server, 'listening');
  return drain;
}

/** Of the workers that answer, by their place. */
async function metricsOf(fleet: Fleet<WorkerMember>): Promise<Exposition> {
  const answers = await Promise.allSettled(fleet.listening().map(({ ask }) => ask('metrics')));
  const texts = answers.flatMap((answer, place) =>
    answer.status === 'fulfilled' ? [[String(place + 1), answer.value] as const] : [],
  );
  return mergeMetrics(new Map(texts));
}
