import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';

import { APPLICATION } from './embedded/endpoint.ts';
import type { Mode } from './embedded/guard.ts';
import { startEmbeddedPostgres } from './embedded/start.ts';
import { PrismaClient } from './generated/client.ts';
import type { Log } from './log.ts';
import { createPool, type Target } from './pool.ts';
import { type Trace, traceStatements } from './trace.ts';

export interface DatabaseOptions {
  /** A PostgreSQL that somebody else runs; without it, one of our own in `dataDir`. */
  readonly url?: string | undefined;
  readonly dataDir: string;
  /** Connections at most, for Prisma and `pg` together. */
  readonly poolSize: number;
  readonly log: Log;
  /** Only for a PostgreSQL of our own: `own` for the server, `join` for a command beside it. */
  readonly mode: Mode;
  /** How long to wait for a connection; 3 s by default. */
  readonly connectTimeoutMs?: number;
  /** How long one statement may run; 10 s by default. */
  readonly statementTimeoutMs?: number;
  /** Makes each statement a part of the trace of the request that it belongs to. */
  readonly trace?: Trace | undefined;
}

/** The store: one pool of connections and two ways to use it. */
export interface Database {
  /** For the token path: named prepared statements. */
  readonly pool: Pool;
  /** For everything else. */
  readonly prisma: PrismaClient;
  /** Where the data lies, for people. Never a secret. */
  readonly location: string;
  /** Ends all connections, after what runs in them, and our own PostgreSQL if nobody else uses it. */
  close(): Promise<void>;
}

/**
 * Opens the store and, without a URL, first starts the PostgreSQL of our own. Migrations are the caller's next
 * step. A PostgreSQL behind a URL is not waited for: the first query tells.
 *
 * @throws {DataDirectoryInUse} when another running process owns `dataDir`.
 * @throws {EmbeddedPostgresFailed} when PostgreSQL cannot run here.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, dataDir, log, mode } = options;
  if (url !== undefined)
    return connect({ connectionString: url }, describe(url), options, async () => undefined);
  const embedded = await startEmbeddedPostgres({ dataDir, log, mode });
  const location = `${embedded.cluster} (embedded PostgreSQL)`;
  return connect({ ...embedded.endpoint, ...APPLICATION }, location, options, embedded.close);
}

function connect(
  target: Target,
  location: string,
  options: DatabaseOptions,
  closeServer: () => Promise<void>,
): Database {
  const { log, trace } = options;
  const pool = createPool(target, options);
  if (trace) traceStatements(pool, trace);
  const adapter = new PrismaPg(pool, {
    onConnectionError: (error) => log.debug({ err: error }, 'a database connection in use was lost'),
  });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    await prisma.$disconnect();
    await pool.end();
    await closeServer();
  }
  return {
    pool,
    prisma,
    location,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** A connection URL without its credentials. */
function describe(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url.replace('@/', '@localhost/'));
    return `${searchParams.get('host') ?? hostname}:${port || searchParams.get('port') || '5432'}${pathname}`;
  } catch {
    return 'PostgreSQL';
  }
}
