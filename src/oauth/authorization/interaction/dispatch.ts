import type { Session } from '../../../domain/sessions/index.ts';

/** What an authorization under way needs next from the person. */
export type Step = 'sign-in' | 'sign-in-again' | 'consent';

/** The part of an interaction that decides. */
export interface InteractionFacts {
  /** `auth_time` of whoever was signed in when the authorization request came; `undefined` when nobody was. */
  readonly authTimeThen: Date | undefined;
  readonly prompts: ReadonlySet<string>;
  /** Seconds. */
  readonly maxAge: number | undefined;
}

/**
 * The only place that picks the next step. The steps lead back here, never to one another.
 *
 * `prompt=login` is met by a sign-in that is newer than the one that stood when the request came; an
 * older one, however recent, is not what was asked for (OpenID Connect Core §3.1.2.1). Two sign-ins
 * are compared and no clocks, so neither skew nor a request in the same second lets one pass. `max_age=0` asks for the same.
 */
export function nextStep(
  session: Pick<Session, 'authTime' | 'authAge'> | undefined,
  { authTimeThen, prompts, maxAge }: InteractionFacts,
): Step {
  if (!session) return 'sign-in';
  const signedInSince = authTimeThen === undefined || session.authTime > authTimeThen;
  if (signedInSince) return 'consent';
  if (prompts.has('login') || maxAge === 0) return 'sign-in-again';
  return maxAge !== undefined && session.authAge > maxAge ? 'sign-in-again' : 'consent';
}
