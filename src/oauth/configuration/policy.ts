import type { KoaContextWithOIDC } from 'oidc-provider';
import { interactionPolicy } from 'oidc-provider';

const { Check, Prompt } = interactionPolicy;

/**
 * When a person must be asked, and for what. Two prompts only: `login` and `consent`.
 *
 * Our session is the authority on who is there and since when; the library's is derived from it at
 * every request, so signing in again is seen here as a newer `auth_time`.
 */
export function createInteractionPolicy(): InstanceType<typeof Prompt>[] {
  return [
    new Prompt(
      { name: 'login', requestable: true },
      new Check(
        'no_session',
        'nobody is signed in',
        'login_required',
        ({ oidc }) => !oidc.session?.accountId,
      ),
      new Check('max_age', 'the sign-in is too long ago', 'login_required', (ctx) => tooOld(ctx)),
    ),
    new Prompt(
      { name: 'consent', requestable: true },
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
function tooOld({ oidc }: KoaContextWithOIDC): boolean {
  const maxAge = Number(oidc.params?.['max_age'] ?? oidc.params?.['plain_max_age'] ?? Number.NaN);
  const authTime = oidc.session?.loginTs;
  if (Number.isNaN(maxAge) || authTime === undefined) return false;
  // An answer to this very request counts even if `max_age` is shorter than the time to consent.
  if (oidc.result?.login) return false;
  return Date.now() / 1000 - authTime > maxAge;
}
