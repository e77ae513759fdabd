import type { Json } from '../answers.ts';
import type { Examination } from '../examination.ts';
import type { Level } from '../finding.ts';
import type { ClientShape, Registration, Stage } from '../shape.ts';

/** What one client would see at one stage. */
export interface Step {
  readonly stage: Stage;
  readonly level: Level;
  readonly says: string;
  readonly remedy?: string;
}

/** What may be done, and with what. */
export interface ReplayOptions {
  /** The metadata document of a client that has one for each connection. */
  readonly document?: string | undefined;
  /** Registers a client that registers itself; it is removed again at the end. */
  readonly register?: boolean | undefined;
}

/** A client that was made for this replay (RFC 7592 §3), and must not outlive it. */
export interface Registered {
  readonly clientId: string;
  /** Sent to the server that gave it out, and nowhere else. */
  readonly secret: string | undefined;
  readonly management: { readonly url: string; readonly token: string } | undefined;
}

/** Where a replay stands. Each stage adds what the next one needs. */
export interface Replay {
  readonly examination: Examination;
  readonly shape: ClientShape;
  readonly options: ReplayOptions;
  /** Of the server that the client found. */
  readonly metadata?: Json;
  /** Where it asked for them. */
  readonly asked?: string;
  /** What the MCP server told it. */
  readonly protectedResource?: { readonly resource: string; readonly scope: string | undefined };
  /** How it became known, as whom, and with which redirect. */
  readonly registration?: Registration;
  readonly registered?: Registered;
  readonly clientId?: string;
  readonly redirectUri: string;
}

/** One stage: its step, and where the replay stands after it. */
export type Play = (replay: Replay) => Promise<readonly [step: Step, after: Replay]>;

type Said = (says: string, remedy?: string) => Step;

/** Makes the steps of one stage. */
export function stepsOf(stage: Stage): Readonly<Record<Level, Said>> {
  const of =
    (level: Level): Said =>
    (says, remedy) => ({ stage, level, says, ...(remedy === undefined ? {} : { remedy }) });
  return { ok: of('ok'), warning: of('warning'), problem: of('problem'), not_checked: of('not_checked') };
}
