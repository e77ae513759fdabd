import type { Session } from '../../domain/sessions/index.ts';

/** What an authorization under way needs next from the person. */
export type Step = 'sign-in' | 'sign-in-again' | 'consent';

/** The part of an interaction that decides. Times are NumericDate. */
export interface InteractionFacts {
  /** When the authorization request came. */
  readonly startedAt: number;
  readonly prompts: ReadonlySet<string>;
  /** Seconds. */
  readonly maxAge: number | undefined;
}

/**
 * The only place that picks the next step. The steps lead back here, never to one another.
 *
 * `prompt=login` is met by a sign-in that happened after the request came; an older one, however
 * recent, is not what was asked for (OpenID Connect Core §3.1.2.1).
 */
export function nextStep(
  session: Pick<Session, 'authTime'> | undefined,
  interaction: InteractionFacts,
  now: number,
): Step {
  if (!session) return 'sign-in';
  const authTime = session.authTime.getTime() / 1000;
  const answered = authTime >= interaction.startedAt;
  if (interaction.prompts.has('login') && !answered) return 'sign-in-again';
  if (interaction.maxAge !== undefined && !answered && now - authTime > interaction.maxAge)
    return 'sign-in-again';
  return 'consent';
}
