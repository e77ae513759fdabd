import type { Context } from 'koa';

import type { Cookies } from '../../platform/http/index.ts';

import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

/** The browser's side of a session: one cookie for the whole host, kept no longer than the session can live. */
export interface SessionCookie {
  /** Who is signed in; asked of the store once per request. */
  current(ctx: Context): Promise<Session | undefined>;
  /** Hands the browser a new token, for this session from now on. */
  set(ctx: Context, opened: { readonly session: Session; readonly token: string }): void;
  clear(ctx: Context): void;
}

const NAME = 'session';

export function createSessionCookie({
  sessions,
  cookies,
}: {
  readonly sessions: Pick<Sessions, 'find'>;
  readonly cookies: Cookies;
}): SessionCookie {
  const known = new WeakMap<Context['req'], Promise<Session | undefined>>();

  return {
    current(ctx) {
      const session = known.get(ctx.req) ?? sessions.find(cookies.get(ctx, NAME));
      known.set(ctx.req, session);
      return session;
    },

    set(ctx, { session, token }) {
      known.set(ctx.req, Promise.resolve(session));
      const maxAge = Math.round((session.expiresAt.getTime() - session.authTime.getTime()) / 1000);
      cookies.set(ctx, NAME, token, { maxAge });
    },

    clear(ctx) {
      known.set(ctx.req, Promise.resolve(undefined));
      cookies.clear(ctx, NAME);
    },
  };
}
