/**
 * Sessions: a person in one browser, and the sign-in that leads there.
 *
 *     credentials ──▶ sign-in ──▶ session ──▶ auth_time, acr, amr of every grant that it makes
 *
 * Ours is the authority; the protocol library's own session is derived from it and dies with it. A
 * session is made from an `Authentication` with two factors and from nothing else, its token is
 * replaced whenever its person proves themselves again, and it is judged alive by the database.
 *
 * Does not own: proofs (`domain/credentials`), people (`domain/users`), pages and throttling (`sign-in`).
 */

export type { Browser } from '../credentials/index.ts';
export { endEverySession } from './end-every.ts';
export { createFactors, type Factors, FreshSignInNeeded, type Ways } from './factors.ts';
export type { Session } from './session.ts';
export { createSessionCookie, type SessionCookie } from './sessions.http.ts';
export {
  createSessions,
  type EndReason,
  type OpenedSession,
  type SessionFactor,
  type Sessions,
} from './sessions.ts';
export {
  createSignIn,
  type PendingSignIn,
  type SignIn,
  type SignInBrowser,
  type SignInOutcome,
} from './sign-in.ts';
