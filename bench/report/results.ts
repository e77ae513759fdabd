import type { ScenarioName, StageName } from '../scenarios.ts';
import type { TargetName } from '../targets/target.ts';

/** The least and the middle of several rounds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
}

/** Milliseconds, of all rounds together, at `rate` operations a second. */
export interface Latency {
  readonly rate: number;
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** One server in one scenario. CPU time in microseconds for one operation. */
export interface Measurement {
  readonly operations: number;
  readonly server: Spread;
  readonly database: Spread;
  readonly cache: Spread;
  /** Server, database and cache together, round by round. */
  readonly total: Spread;
  /** Operations in a second, as fast as it goes. */
  readonly perSecond: Spread;
  /** Absent where the server is slower than the rate. */
  readonly latency?: Latency;
  /** Bytes of write-ahead log for one operation. */
  readonly wal?: Spread;
  readonly statements?: number;
  readonly roundTrips?: number;
}

/** Bytes of one server, by process. */
export interface MemoryUse {
  readonly server: number;
  readonly database: number;
  readonly cache: number;
}

export interface GrowthPoint {
  readonly grants: number;
  readonly server: Spread;
  readonly database: Spread;
  readonly p99: number;
  readonly bytesPerGrant: number;
  readonly auditBytesPerGrant: number;
}

/** A thing that was to be reached. */
export interface Goal {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  /** Whether the value must not exceed the limit, or must not fall below it. */
  readonly bound: 'at most' | 'at least';
  readonly unit: string;
  readonly met: boolean;
}

/** Everything that one run found out, as it is kept in `bench/results`. */
export interface Results {
  readonly at: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    readonly postgres: string | undefined;
    readonly redis: boolean;
    /** Load average of the last minute when the run began: what else was going on. */
    readonly load: number;
  };
  readonly rounds: number;
  readonly quick: boolean;
  readonly skipped: Readonly<Record<string, string>>;
  /** What was begun and did not come to an end, and why. */
  readonly failed: Partial<Record<ScenarioName | StageName, string>>;
  readonly scenarios: Partial<Record<ScenarioName, Partial<Record<TargetName, Measurement>>>>;
  readonly memory: Partial<Record<TargetName, { readonly idle: MemoryUse; readonly loaded: MemoryUse }>>;
  /** Milliseconds from the start of the process to the first 200. */
  readonly start?: Partial<Record<TargetName, Spread>> & { readonly veryFirst?: Spread };
  readonly verification?: Verification;
  readonly contention?: Contention;
  readonly documents?: DocumentCosts;
  readonly hostile?: Hostile;
  readonly growth?: readonly GrowthPoint[];
  readonly soak?: Soak;
  readonly goals: readonly Goal[];
}

/** CPU time in microseconds for one token. */
export interface Verification {
  readonly joseRemote: Spread;
  readonly joseLocal: Spread;
  readonly uncached: Spread;
  readonly cached: Spread;
}

/** Milliseconds: the token endpoint alone, and beside eight sign-ins. */
export interface Contention {
  readonly alone: { readonly p50: number; readonly p99: number };
  readonly beside: { readonly p50: number; readonly p99: number };
  readonly signIns: number;
  readonly hashMicroseconds: number;
}

/** How a server knows a client: it was registered there, or it publishes a metadata document. */
export type KnownBy = 'registration' | 'document';

/** One token request: CPU time in microseconds, and what it asks of PostgreSQL. */
export interface TokenCost {
  readonly server: Spread;
  readonly database: Spread;
  readonly statements: number;
  readonly roundTrips: number;
}

export interface DocumentCosts {
  readonly code: Readonly<Record<KnownBy, TokenCost>>;
  readonly refresh: Readonly<Record<KnownBy, TokenCost>>;
  /** Names that were asked for and addresses that were dialled, in all of these token requests together. */
  readonly outbound: number;
}

/** Refreshes beside something else. Milliseconds; the most memory that the server had, in bytes. */
export interface Beside {
  readonly p50: number;
  readonly p99: number;
  readonly memory: number;
}

/** The token endpoint alone, and beside a hundred documents at once: those that need no fetch, and hostile ones. */
export interface Hostile {
  readonly alone: Beside;
  readonly known: Beside;
  readonly hostile: Beside;
  /** CPU time of the server for one document, its authorization request included. */
  readonly documentMicroseconds: { readonly known: number; readonly hostile: number };
  /** Bytes that the server had beside them beyond what it had alone, at the most; the middle of the rounds. */
  readonly peak: number;
  /** Bytes that it cannot forget since the first round. */
  readonly left: number;
  /** Hostile documents, in all. */
  readonly documents: number;
  /** The most that other machines had of the processors in a stretch that counts; a share. */
  readonly stolen: number;
  /** What came of how many of them, in the words of the audit trail. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface Soak {
  readonly seconds: number;
  readonly rate: number;
  /** Bytes in an hour, by the line of least squares through the last two thirds. */
  readonly serverSlope: number;
  readonly databaseSlope: number;
  readonly serverFirst: number;
  readonly serverLast: number;
}
