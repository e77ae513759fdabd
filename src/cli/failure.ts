import { CommanderError } from 'commander';

import { ConfigError } from '../config/load.ts';
import { DomainError } from '../kernel/errors.ts';

/** What the shell is told: 0 done, 1 refused, 2 usage, 3 store or server not available. */
export type ExitCode = 0 | 1 | 2 | 3;

/** How a command failed: `error` is for programs and stable, `reason` for people. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly error: string;
  readonly reason: string;
}

/** The command was given something that it cannot read; `message` says what it wants. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The store or the server could not be reached or opened. */
export class NotAvailable extends Error {
  override readonly name = 'NotAvailable';
}

/** Of the system, when a server cannot listen. */
const LISTEN_CODES = ['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES'];

/** Sorts every error that a command can end with into the four exit codes. */
export function toFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { exitCode: 2, error: 'usage', reason: error.message.replace(/^error: /, '') };
  }
  if (error instanceof UsageError) return { exitCode: 2, error: 'usage', reason: error.message };
  if (error instanceof ConfigError) return { exitCode: 2, error: 'configuration', reason: error.message };
  if (error instanceof NotAvailable || isCode(error, 'store_unavailable')) {
    return { exitCode: 3, error: 'not_available', reason: reasonOf(error) };
  }
  if (isCode(error, 'issuer_changed')) {
    return { exitCode: 3, error: 'issuer_changed', reason: (error as Error).message };
  }
  if (isCode(error, 'master_key_refused')) {
    return { exitCode: 3, error: 'master_key_refused', reason: (error as Error).message };
  }
  if (error instanceof DomainError)
    return { exitCode: 1, error: error.code, reason: sentence(error.message) };
  if (LISTEN_CODES.some((code) => isCode(error, code))) {
    return { exitCode: 3, error: 'not_available', reason: reasonOf(error) };
  }
  return { exitCode: 1, error: 'failed', reason: reasonOf(error) };
}

function isCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** What an error says, and what the errors say that caused it; some drivers leave theirs empty. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? reasonOf(error.cause) : '';
  if (cause === '' || error.message.includes(cause)) return error.message || error.name;
  return error.message === '' ? cause : `${error.message}: ${cause}`;
}

/** Domain messages begin with a small letter, so that a log can embed them. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
