import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';

import type { Session } from '../../../domain/sessions/index.ts';

/** The person's session in the browser that makes this request. */
export type CurrentSession = (ctx: KoaContextWithOIDC) => Promise<Session | undefined>;

/**
 * Makes the library's session a view of ours, derived anew at every request and never kept.
 *
 * So there is one session, one cookie and one authority for `auth_time`, `acr` and `amr`: whoever
 * is signed out, disabled or signed in again is so for OAuth in the same moment. The library writes
 * a session, and its cookie, only when it was touched; ours cannot be.
 */
export function deriveSessions(provider: Provider, currentSession: CurrentSession): void {
  const { Session: Derived } = provider;

  Derived.get = async (ctx: KoaContextWithOIDC) => {
    const session = await currentSession(ctx);
    const derived = new Derived();
    if (session) {
      Object.assign(derived, {
        accountId: session.user.id,
        loginTs: Math.floor(session.authTime.getTime() / 1000),
        acr: session.acr,
        amr: [...session.amr],
      });
    }
    // Without a uid an interaction is bound to its own cookie, not to a session that re-authentication renews.
    Object.defineProperty(derived, 'uid', { value: '', writable: false });
    Object.defineProperty(derived, 'touched', { value: false, writable: false, configurable: false });
    if (ctx.oidc instanceof provider.OIDCContext) ctx.oidc.entity('Session', derived);
    return derived;
  };
}
