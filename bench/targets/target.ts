import type { Lab } from '../lab.ts';
import type { Address, Work } from '../load/protocol.ts';
import type { ScenarioName } from '../scenarios.ts';

export const TARGET_NAMES = [
  'bare',
  'floor',
  'stock',
  'better-auth',
  'gatehouse-embedded',
  'gatehouse-postgres',
] as const;

export type TargetName = (typeof TARGET_NAMES)[number];

/** A server that is measured. */
export interface Target {
  readonly name: TargetName;
  readonly title: string;
  /** What is missing to run it here, with what to do about it. */
  missing(): string | undefined;
  start(lab: Lab): Promise<Running>;
}

/** CPU time in microseconds, by whose it was. */
export interface Cpu {
  readonly server: number;
  readonly database: number;
  /** Redis. */
  readonly cache: number;
}

/** Bytes. What the processes of a PostgreSQL share is counted once. */
export interface Memory {
  readonly server: number;
  readonly database: number;
  readonly cache: number;
}

export interface Running {
  readonly name: TargetName;
  readonly address: Address;
  readonly supplies: Supplies;
  /** From the start of the process to its first answer with 200. */
  readonly startedInMs: number;
  cpu(): Cpu;
  memory(): Memory;
  /** Bytes of write-ahead log so far, where there is one. */
  wal?(): Promise<number>;
  stop(): Promise<void>;
}

/** Where the work of each scenario comes from that the server can do. */
export type Supplies = Partial<Readonly<Record<ScenarioName, Supply>>>;

export interface Supply {
  /** Operations that one work may consist of at the most, where the server's memory has a bound. */
  readonly batch?: number;
  /** Operations of a stretch at the most, for a server so slow that more would only take longer. */
  readonly most?: number;
  /** Puts what the requests will present straight into the server's store; the requests themselves go over HTTP. */
  make(operations: number): Promise<Work>;
}
