import type { AuditRecord } from '../list.ts';

/** How far a connection gets, in order. */
export const TRACE_STAGES = [
  'metadata',
  'registration',
  'authorize',
  'sign_in',
  'consent',
  'callback',
  'token',
  'first_call',
] as const;
export type TraceStage = (typeof TRACE_STAGES)[number];

export type StageState =
  | 'passed'
  | 'stopped'
  /** There is still time for it. */
  | 'waiting'
  | 'not_reached'
  /** It leaves nothing in the trail, whether it happened or not. */
  | 'not_recorded';

/** What became of one stage of an attempt. */
export interface StageOutcome {
  readonly stage: TraceStage;
  readonly state: StageState;
  /** RFC 3339; of the record that says so. */
  readonly at?: string;
  /** Of the record, where it was refused; else one of `left`, `never_came`, `signed_in_already`, `not_asked`. */
  readonly reason?: string;
  /** What exactly, where the reason is a kind of fault. */
  readonly why?: string;
}

/** One attempt of a client to connect, put together from the records of its requests. Never a secret. */
export interface Attempt {
  /** `flw_…`; absent where no person was asked. */
  readonly flow?: string;
  readonly grant?: string;
  /** Of its first record. */
  readonly request_id: string;
  readonly began: string;
  readonly client?: string;
  readonly subject?: string;
  readonly resource?: string;
  readonly network?: string;
  /** Host and port, or the private-use scheme, to which the answer goes. */
  readonly redirect_host?: string;
  readonly stages: readonly StageOutcome[];
  /** What stopped it; absent while it was not stopped. */
  readonly stopped?: StageOutcome;
  /** Of a connection that was made and has ended. */
  readonly ended?: { readonly at: string; readonly event: string; readonly reason?: string };
}

/** The records of one attempt, oldest first, and those of its client's registration. */
export interface Gathered {
  readonly records: readonly AuditRecord[];
  readonly registration: readonly AuditRecord[];
}

/** How long things are waited for. Seconds. */
export interface Patience {
  readonly interaction: number;
  readonly code: number;
}

/** A member of a record's detail that is text. */
export function detailOf(record: AuditRecord | undefined, name: string): string | undefined {
  const { detail } = record ?? {};
  const value: unknown =
    typeof detail === 'object' && detail !== null ? (detail as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
