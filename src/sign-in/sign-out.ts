import type Router from '@koa/router';

import { byUser } from '../kernel/cause.ts';
import { originOf } from '../platform/http/index.ts';

import type { SignInDeps } from './deps.ts';
import { seeOther } from './respond.ts';

/**
 * `/sign-out`: asks first, because a link or an image on another site can make a browser GET it, and
 * ends the session when the form comes back.
 */
export function addSignOut(router: Router, deps: SignInDeps): void {
  const { installation, forms, views, sessionCookie, basePath } = deps;

  router.get('/sign-out', async (ctx) => {
    const session = await sessionCookie.current(ctx);
    if (!session) return views.render(ctx, 'signed-out', { signInUrl: `${basePath}/sign-in` });
    return views.render(ctx, 'account/confirm', {
      csrf: forms.token(ctx),
      action: `${basePath}/sign-out`,
      title: 'Sign out',
      consequences: [
        `This browser will no longer act for ${session.user.email}.`,
        'Your connections go on working; you can end them under Connected apps.',
      ],
      button: 'Sign out',
      backUrl: `${basePath}/account`,
    });
  });

  router.post('/sign-out', async (ctx) => {
    await forms.read(ctx);
    const session = await sessionCookie.current(ctx);
    if (session) {
      const { id, user } = session;
      await installation.sessions.end({ id, userId: user.id }, 'signed_out', byUser(user.id, originOf(ctx)));
    }
    sessionCookie.clear(ctx);
    return seeOther(ctx, `${basePath}/sign-out`);
  });
}
