import type { Command } from 'commander';

import type { Config } from '../config/config.ts';
import type { Installation } from '../installation.ts';
import type { Cause } from '../kernel/cause.ts';
import type { Database } from '../platform/database/index.ts';

import type { Result } from './output.ts';

/** What a command works with once the store is open. */
export interface Store {
  readonly config: Config;
  readonly database: Database;
  readonly installation: Installation;
  /** As the audit trail will name this command. */
  readonly cause: Cause;
}

/** The store as it was found: not migrated, and nothing made in it. */
export type BareStore = Pick<Store, 'config' | 'database' | 'cause'>;

/** What the commands are given. */
export interface Cli {
  /** Opens the store, does the work, prints its result, and leaves the store as it was found. */
  withStore(work: (store: Store) => Promise<Result>): Promise<void>;
  /**
   * The same without migrating first: `join` beside a running server; `own` for what no server may run beside,
   * where the store is the embedded one.
   */
  withBareStore(mode: 'join' | 'own', work: (store: BareStore) => Promise<Result>): Promise<void>;
  /** All of standard input, without the line end that `echo` adds. Never waits for a person. */
  readSecret(): Promise<string>;
  readConfig(): Promise<Config>;
  /** For a command that opens no store, or opens it itself. */
  print(result: Result): void;
}

/** Adds one command to its group. */
export type Register = (group: Command, cli: Cli) => void;
