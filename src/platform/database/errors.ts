import { DomainError } from '../../kernel/errors.ts';

/**
 * The store cannot be asked at this moment. Nothing was decided by it: a door answers 503 with
 * `Retry-After`, never a refusal and never a success.
 */
export class StoreUnavailable extends DomainError {
  readonly code = 'store_unavailable';
}

/** Another running installation holds the data directory. `pid` is its process, where it is known. */
export class DataDirectoryInUse extends Error {
  readonly pid: number | undefined;

  constructor(dataDir: string, pid: number | undefined) {
    const holder = pid === undefined ? 'Another process' : `Process ${pid}`;
    super(
      `${holder} is running Gatehouse on ${dataDir}. ` +
        'Stop it first, or give this one a data directory of its own (GATEHOUSE_DATA_DIR).',
    );
    this.name = 'DataDirectoryInUse';
    this.pid = pid;
  }
}

/** The embedded PostgreSQL cannot run here; `message` says why and what to do. */
export class EmbeddedPostgresFailed extends Error {
  override readonly name = 'EmbeddedPostgresFailed';
}

/** The migrations of this version and of the database do not fit together; nothing was changed. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

/** SQLSTATE classes of a store that cannot serve now: connection, resources, operator, system, rollback. */
const UNAVAILABLE_CLASSES = ['08', '53', '57', '58', '40'];
/** lock_not_available, read_only_sql_transaction (a demoted primary), idle_in_transaction_session_timeout. */
const UNAVAILABLE_STATES = ['55P03', '25006', '25P03'];
/** Of the system, for a socket. */
const SOCKET_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
];
const SOCKET_CALLS = ['connect', 'read', 'write', 'getaddrinfo'];
/** Of Prisma: not reachable, timed out, closed, no transaction to be had, conflict, too many connections. */
const PRISMA_CODES = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'];
/** What Prisma's adapter calls the same where it keeps no code of its own. */
const ADAPTER_KINDS = [
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
];
/** What `pg` and its pool throw without a code. */
const DRIVER_MESSAGE =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|Cannot use a pool after|timeout expired)/;

/**
 * Whether an error means that the store cannot be asked now, however deep Prisma or a caller wrapped it.
 *
 * It is asked about what the store threw: a broken connection to anything else looks the same.
 *
 * A conflict that outlived its retries and a statement that ran into its timeout count: another try, later,
 * may well succeed.
 */
export function isStoreUnavailable(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 6; depth++) {
    if (at instanceof StoreUnavailable || speaksOfStore(at)) return true;
    const { cause, meta } = at as { cause?: unknown; meta?: { driverAdapterError?: unknown } };
    at = cause ?? meta?.driverAdapterError;
  }
  return false;
}

function speaksOfStore(error: object): boolean {
  const { code, originalCode, kind, message, syscall, name } = error as Partial<Record<string, unknown>>;
  if (typeof kind === 'string' && ADAPTER_KINDS.includes(kind)) return true;
  const state = typeof originalCode === 'string' ? originalCode : code;
  if (typeof state === 'string') {
    if (PRISMA_CODES.includes(state) || UNAVAILABLE_STATES.includes(state)) return true;
    // Prisma drops the call, and has no socket but those to the store.
    if (SOCKET_CODES.includes(state))
      return SOCKET_CALLS.includes(String(syscall)) || name === 'PrismaClientKnownRequestError';
    if (/^[0-9A-Z]{5}$/.test(state)) return UNAVAILABLE_CLASSES.includes(state.slice(0, 2));
  }
  return typeof message === 'string' && DRIVER_MESSAGE.test(message);
}
