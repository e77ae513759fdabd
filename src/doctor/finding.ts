/**
 * How a check ended. Only a `problem` keeps somebody from connecting, or weakens what protects them; a
 * `warning` is worth an operator's eye; `not_checked` says why nothing can be said.
 */
export type Level = 'ok' | 'warning' | 'problem' | 'not_checked';

/** One thing that was looked at, and what came of it. */
export interface Finding {
  /** Stable, for programs: the name of the check. */
  readonly check: string;
  readonly level: Level;
  /** One sentence. Never a token, a code or a secret. */
  readonly says: string;
  /** What to do about it, in one sentence: a command, a setting, a line for the proxy. */
  readonly remedy?: string;
}

type Said = (says: string, remedy?: string) => Finding;

/** Makes the findings of one check. */
export function findingsOf(check: string): Readonly<Record<Level, Said>> {
  const of =
    (level: Level): Said =>
    (says, remedy) => ({ check, level, says, ...(remedy === undefined ? {} : { remedy }) });
  return {
    ok: of('ok'),
    warning: of('warning'),
    problem: of('problem'),
    not_checked: of('not_checked'),
  };
}
