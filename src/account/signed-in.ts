import type { Context } from 'koa';

import { FreshSignInNeeded, type Session } from '../domain/sessions/index.ts';

import type { AccountDeps } from './deps.ts';

/** A request with the parameters of its route. */
export type RouteContext = Context & { readonly params: Readonly<Record<string, string>> };

type Handler = (ctx: RouteContext, session: Session) => Promise<unknown>;

/**
 * Wraps what needs a session: everybody else is sent to sign in, and so is, with `reauth`, whoever
 * signed in too long ago for what they are about to do.
 *
 * A form that is refused so is not sent again by the sign-in: the way back is a page to look at. With `backToForm` that
 * is the form itself, which has the address that it is posted to.
 */
export function createSignedIn({ sessionCookie, basePath }: Pick<AccountDeps, 'sessionCookie' | 'basePath'>) {
  const toSignIn = (ctx: Context, again: boolean, backToForm: boolean) => {
    const form = backToForm ? ctx.path : '/account';
    const here = `${basePath}${ctx.method === 'GET' ? ctx.path + ctx.search : form}`;
    ctx.redirect(`${basePath}/sign-in?continue=${encodeURIComponent(here)}${again ? '&reauth=1' : ''}`);
    ctx.status = 303;
  };

  return (handler: Handler, { backToForm = false }: { readonly backToForm?: boolean } = {}) =>
    async (ctx: RouteContext): Promise<void> => {
      const session = await sessionCookie.current(ctx);
      if (!session) return toSignIn(ctx, false, backToForm);
      try {
        await handler(ctx, session);
      } catch (error) {
        if (!(error instanceof FreshSignInNeeded)) throw error;
        toSignIn(ctx, true, backToForm);
      }
    };
}

/** RFC 9110 §15.4.4: after a form, look at another page; reloading it sends nothing again. */
export function seeOther(ctx: Context, location: string): void {
  ctx.redirect(location);
  ctx.status = 303;
}
