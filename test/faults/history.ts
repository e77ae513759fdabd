/** What an actor asks of the installation. */
export type Kind =
  | 'sign-in'
  | 'authorize'
  | 'redeem'
  | 'refresh'
  | 'introspect'
  | 'revoke-refresh'
  | 'revoke-access'
  | 'end-connection'
  | 'disable'
  | 'enable'
  | 'remove-client';

/** What came back. */
export type Answer =
  | { readonly is: 'done' }
  /** A decision against it, with the error code. */
  | { readonly is: 'refused'; readonly error: string }
  /** Not now: 503 with `Retry-After`, in the form that the caller reads. Whether it happened is open. */
  | { readonly is: 'unavailable' }
  /** The connection broke. Whether it happened is open. */
  | { readonly is: 'absent' }
  /** What must never come, in words. */
  | { readonly is: 'malformed'; readonly what: string };

/** What an act is about, as far as its actor knows. Secrets by their hash, in hex. */
export interface Facts {
  readonly user?: string;
  readonly client?: string;
  readonly grant?: string;
  readonly code?: string;
  /** The refresh token that was presented. */
  readonly token?: string;
  /** The refresh token that came back. */
  readonly successor?: string;
  /** Of an access token that was presented. */
  readonly jti?: string;
  /** What introspection says. */
  readonly active?: boolean;
}

/** One request and its answer, or the absence of one. */
export interface Act extends Facts {
  readonly id: number;
  readonly actor: string;
  readonly kind: Kind;
  /** The tries of one intention share it. */
  readonly series: number;
  /** Milliseconds on the one clock of the run. */
  readonly began: number;
  readonly ended: number;
  readonly answer: Answer;
  /** By which the audit trail knows it; absent when no answer said. */
  readonly request?: string;
}

/** What an attempt brought: its answer, and what it taught about the act. */
export interface Outcome<T = unknown> {
  readonly answer: Answer;
  readonly facts?: Facts;
  readonly request?: string | undefined;
  readonly value?: T;
}

/** Everything that happened, in the order of the answers. */
export interface History {
  readonly acts: readonly Act[];
  newSeries(): number;
  /** Does it and writes it down. `attempt` answers what came of it and does not throw. */
  record<T>(
    act: Pick<Act, 'actor' | 'kind'> & Facts & { readonly series?: number },
    attempt: () => Promise<Outcome<T>>,
  ): Promise<Outcome<T>>;
}

export function createHistory(): History {
  const acts: Act[] = [];
  let series = 0;
  let id = 0;
  const newSeries = () => {
    series += 1;
    return series;
  };
  return {
    acts,
    newSeries,
    async record(act, attempt) {
      const began = performance.now();
      const outcome = await attempt();
      id += 1;
      acts.push({
        ...act,
        ...outcome.facts,
        id,
        series: act.series ?? newSeries(),
        began,
        ended: performance.now(),
        answer: outcome.answer,
        ...(outcome.request === undefined ? {} : { request: outcome.request }),
      });
      return outcome;
    },
  };
}
