/**
 * Trace: what became of the attempts of a client to connect, told from the records of its requests.
 *
 *     registration ─▶ authorize ─▶ sign-in ─▶ consent ─▶ callback ─▶ token ─▶ first call
 *                     └────────── one flow (`detail.flow`) ──────┘ └─ one grant ─┘
 *
 * A flow begins when an authorization starts to wait for a person; the record of its grant has the names of
 * both, and so its token is found. Metadata that were fetched, and calls of an MCP server, leave no record.
 */

export type { Attempt, StageOutcome, StageState, TraceStage } from './attempt.ts';
export { findAttempts, type TraceSubject } from './find.ts';
