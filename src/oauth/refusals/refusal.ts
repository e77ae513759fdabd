import type { AuditEntry } from '../../domain/audit/index.ts';

/** The part of a Koa context that carries a refusal from where it is decided to where it is recorded. */
interface Stateful {
  readonly state: object;
}

interface OAuthState {
  refusal?: AuditEntry | undefined;
  recorded?: boolean;
}

/**
 * Says precisely why this request is being refused. One record is written for it before the answer
 * leaves; a later, vaguer reason of the same request does not replace it.
 */
export function noteRefusal(ctx: Stateful, entry: AuditEntry): void {
  const state = ctx.state as OAuthState;
  if (!state.recorded) state.refusal ??= entry;
}

/** The same for a reason that weighs more than whatever was noted of this request before. */
export function noteGraverRefusal(ctx: Stateful, entry: AuditEntry): void {
  const state = ctx.state as OAuthState;
  if (!state.recorded) state.refusal = entry;
}

/** The refusal was recorded in the transaction of what it did; nothing more is to be written. */
export function markRecorded(ctx: Stateful): void {
  const state = ctx.state as OAuthState;
  state.recorded = true;
  state.refusal = undefined;
}

export function refusalOf(ctx: Stateful): AuditEntry | undefined {
  return (ctx.state as OAuthState).refusal;
}
