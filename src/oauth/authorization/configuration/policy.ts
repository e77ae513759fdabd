import type { KoaContextWithOIDC } from 'oidc-provider';
import { interactionPolicy } from 'oidc-provider';

import type { Session } from '../../../domain/sessions/index.ts';

import type { CurrentSession } from './session.ts';

const { Check, Prompt } = interactionPolicy;

/** What an interaction remembers about the moment in which the request came. */
export interface PromptDetails {
  /** `auth_time` of whoever was signed in, in milliseconds since the epoch. */
  readonly authTimeThen?: number | undefined;
}

/**
 * When a person must be asked, and for what. Two prompts only: `login` and `consent`.
 *
 * Our session is the authority on who is there and since when; the library's is derived from it at
 * every request. Each interaction remembers the sign-in that stood when it began, so that a newer
 * one can be told from it.
 */
export function createInteractionPolicy(currentSession: CurrentSession): InstanceType<typeof Prompt>[] {
  const details = async (ctx: KoaContextWithOIDC) => {
    const remembered: PromptDetails = { authTimeThen: (await currentSession(ctx))?.authTime.getTime() };
    return { ...remembered };
  };
  return [
    new Prompt(
      { name: 'login', requestable: true },
      details,
      new Check(
        'no_session',
        'nobody is signed in',
        'login_required',
        ({ oidc }) => !oidc.session?.accountId,
      ),
      new Check('max_age', 'the sign-in is too long ago', 'login_required', async (ctx) =>
        tooOld(ctx, await currentSession(ctx)),
      ),
    ),
    new Prompt(
      { name: 'consent', requestable: true },
      details,
      new Check(
        'consent_missing',
        'consent is required',
        'consent_required',
        // `loadExistingGrant` answers with an id only for a decision of this request, or one that may be repeated silently.
        ({ oidc }) => !(oidc.entities.Grant as { jti?: string } | undefined)?.jti,
      ),
    ),
  ];
}

/** `max_age` of OpenID Connect Core §3.1.2.1, which we honour without `openid` too. */
function tooOld({ oidc }: KoaContextWithOIDC, session: Session | undefined): boolean {
  const maxAge = Number(oidc.params?.['max_age'] ?? oidc.params?.['plain_max_age'] ?? Number.NaN);
  if (Number.isNaN(maxAge) || session === undefined) return false;
  // The interaction asked already (`dispatch.ts`), and the time to consent does not count.
  if (oidc.result && 'login' in oidc.result) return false;
  return maxAge === 0 || session.authAge > maxAge;
}
