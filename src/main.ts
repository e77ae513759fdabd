import { once } from 'node:events';
import type { Server } from 'node:http';
import { flushCompileCache } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Config, Listen } from './config/config.ts';
import { countRequests } from './domain/admission/index.ts';
import { observeAudit } from './domain/audit/index.ts';
import { startHousekeeping } from './housekeeping.ts';
import { createInstallation, type Installation, prepareStore } from './installation.ts';
import { keepIssuer } from './issuer-guard.ts';
import { byHousekeeping } from './kernel/cause.ts';
import { systemClock } from './kernel/clock.ts';
import { type Database, openDatabase } from './platform/database/index.ts';
import {
  type Outbound,
  type OutboundModule,
  openWays,
  type Reachability,
  systemOutbound,
  watchReachability,
} from './platform/fetch/index.ts';
import { createLogger, type Logger, openTracing } from './platform/observability/index.ts';
import { openRedis } from './platform/redis/index.ts';
import { letPoolGiveWay } from './platform/threads/give-way.ts';
import { createThrottle } from './platform/throttle/index.ts';
import { createTelemetry, type Telemetry } from './telemetry/index.ts';
import { untilStopped } from './until-stopped.ts';
import { version } from './version.ts';

/** A server that runs. */
export interface RunningServer {
  readonly database: Database;
  readonly installation: Installation;
  readonly log: Logger;
  /** Where the public listener really listens. */
  readonly address: AddressInfo;
  /** Where the internal listener really listens: probes and metrics, never exposed. A worker has none. */
  readonly internalAddress: AddressInfo | undefined;
  readonly telemetry: Telemetry;
  /** Resolves, within seconds of the start, with whether metadata documents can be fetched. */
  readonly documentsReachable: Promise<boolean>;
  /** Answers what is in flight (at most 10 s), closes everything, and resolves when all is gone. Safe to call twice. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** The way to what clients publish about themselves; the network of this machine, unless said otherwise. */
  readonly outbound?: Outbound | OutboundModule;
  /** One of several processes of one primary, which owns the embedded store and has the internal listener. */
  readonly worker?: boolean;
  /** Milliseconds that idle connections are kept when it stops, so that nobody finds one closed in the moment of using it. */
  readonly lingerMs?: number;
}

/** Milliseconds that a server which is replaced keeps idle connections. */
export const LINGER = 2_000;

/**
 * Starts the authorization server: opens the store, migrates it, makes what every installation
 * begins with, and listens. Whatever fails on the way is closed again before it throws.
 */
export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const { worker = false, lingerMs = 0, outbound } = options;
  const log = createLogger({ level: config.logLevel });
  if (!worker) for (const warning of config.warnings) log.warn(warning);
  const undo: (() => Promise<unknown>)[] = [];
  const unwind = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const telemetry = createTelemetry({ version: version() });
    const { endpoint, sample } = config.traces;
    const tracing =
      endpoint === undefined ? undefined : await openTracing({ endpoint, sample, version: version() }, log);
    if (tracing) undo.push(() => tracing.close());

    const reachability = watchDocuments(config, outbound, log);
    if (reachability) undo.push(async () => reachability.stop());

    const opening = openDatabase({
      url: config.databaseUrl,
      dataDir: config.dataDir,
      poolSize: config.databasePoolSize,
      log,
      mode: worker ? 'join' : 'own',
      ...(tracing ? { trace: tracing.trace } : {}),
    });
    // The embedded PostgreSQL comes up while the rest of the server is loaded.
    const loading = Promise.all([import('./app.ts'), import('./platform/http/index.ts')]);
    const opened = await opening;
    undo.push(() => opened.close());
    const [{ createApp }, { createDrain, createHttpServer }] = await loading;
    const database = observeAudit(opened, telemetry.actions);
    await prepareStore(config, database, { log });
    await keepIssuer(database.pool, config);
    const installation = await createInstallation({
      config,
      database,
      clock: systemClock,
      onForgedKey: (kid) =>
        log.error(
          { kid },
          'a signing key that this program did not write is not published: runbook signing-key-missing',
        ),
    });
    undo.push(installation.anonymous.close);
    await installation.prepare(byHousekeeping('start'));
    letPoolGiveWay();

    const redis = await openRedis(config.redisUrl, log);
    if (redis) undo.push(() => redis.close());
    const throttle = createThrottle({
      redis,
      enabled: config.throttle.enabled,
      log,
      onDegraded: telemetry.throttleDegraded,
    });
    telemetry.watch({
      pool: opened.pool,
      poolSize: config.databasePoolSize,
      checkStore: () => opened.pool.query('SELECT 1'),
      listKeys: installation.keys.list,
      countClientRequests: () => countRequests(database.prisma),
      passwordHashes: installation.passwords.load,
      redisReady: redis?.isReady,
      clock: systemClock,
      accessTokenLifetime: config.lifetimes.accessToken,
      keyRotation: config.keys.rotateAfter,
    });

    const ways = openWays({
      outbound,
      ended: (error) =>
        log.error({ err: error }, 'the thread that fetches ended; the next fetch has another'),
    });
    undo.push(() => ways.close());

    let draining = () => false;
    const app = await createApp({
      config,
      database,
      installation,
      throttle,
      telemetry,
      tracing,
      clock: systemClock,
      log,
      draining: () => draining(),
      ways,
      documentsReachable: () => reachability?.reachable() ?? true,
    });
    const server = createHttpServer(app.listener, { issuer: config.issuer });
    const internal = createHttpServer(app.internal.callback(), { issuer: config.issuer });
    const drain = createDrain([server], { lingerMs });
    const internalDrain = createDrain([internal]);
    draining = drain.draining;
    undo.push(() => Promise.all([drain.drain(), internalDrain.drain()]));

    const clientLifetimes = { unused: config.unusedClients.lifetime, idle: config.idleClientLifetime };
    undo.push(
      startHousekeeping({
        database,
        installation,
        clientLifetimes,
        auditRetention: config.auditRetention,
        log,
      }),
    );

    const address = await listen(server, config.listen);
    const internalAddress = worker ? undefined : await listen(internal, config.internalListen);
    log.info({ issuer: config.issuer, port: address.port, data: database.location }, 'listening');
    undo.push(loadPrismaSoon(database));

    let stopping: Promise<void> | undefined;
    return {
      database,
      installation,
      log,
      address,
      internalAddress,
      telemetry,
      documentsReachable: reachability?.first ?? Promise.resolve(true),
      stop() {
        stopping ??= unwind();
        return stopping;
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}

/** The host of a document that a developer's client is likely to present; only its name is resolved. */
const DOCUMENT_HOST = 'claude.ai';

/**
 * Watches whether metadata documents can be fetched, where `open` is the default that a developer did not choose:
 * without internet, clients that read the announcement would not register. `undefined` everywhere else, production
 * included, where the setting alone decides.
 */
function watchDocuments(
  { metadataDocuments, metadataDocumentsByDefault }: Config,
  outbound: Outbound | OutboundModule | undefined,
  log: Logger,
): Reachability | undefined {
  if (metadataDocuments !== 'open' || !metadataDocumentsByDefault) return undefined;
  if (outbound && !('resolve' in outbound)) return undefined;
  return watchReachability({
    outbound: outbound ?? systemOutbound,
    hostname: DOCUMENT_HOST,
    onChange(reachable) {
      if (reachable) log.info('metadata documents can be fetched and are announced');
      else
        log.warn(
          'metadata documents cannot be fetched (no name resolves) and are not announced, so that clients register; GATEHOUSE_METADATA_DOCUMENTS=off or open settles it',
        );
    },
  });
}

/** Milliseconds after the first request could come. */
const A_MOMENT = 1_000;

/**
 * Prisma loads its query compiler before its first query: neither the start nor the first person who signs in
 * should wait for that. Nothing is asked of the store. Answers what takes the intention back.
 */
function loadPrismaSoon({ prisma }: Database): () => Promise<void> {
  const timer = setTimeout(() => prisma.$connect().catch(() => undefined), A_MOMENT);
  timer.unref();
  return async () => clearTimeout(timer);
}

/**
 * Runs the server until SIGTERM or SIGINT, then drains. A second signal does not wait. With more than
 * one worker this process only looks after them.
 */
export async function serve(config: Config): Promise<void> {
  if (config.workers > 1) {
    const { serveWithWorkers } = await import('./workers/index.ts');
    return serveWithWorkers(config, () => untilStopped(config));
  }
  const server = await startServer(config, { lingerMs: LINGER });
  flushCompileCache();
  await untilStopped(config);
  server.log.info('draining');
  await server.stop();
}

async function listen(server: Server, { host, port }: Listen): Promise<AddressInfo> {
  server.listen({ host, port });
  await once(server, 'listening');
  return server.address() as AddressInfo;
}
