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

export interface Soak {
  readonly seconds: number;
  readonly rate: number;
  /** Bytes in an hour, by the line of least squares through the last two thirds. */
  readonly serverSlope: number;
  readonly databaseSlope: number;
  readonly serverFirst: number;
  readonly serverLast: number;
}
