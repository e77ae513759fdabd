import type Router from '@koa/router';

import { SERVICE_DOCUMENTATION } from '../kernel/service-documentation.ts';

import type { SignInDeps } from './deps.ts';

/** `/`: leads people to sign-in or to their connected apps, and developers to the metadata. */
export function addFront(router: Router, { config, views, sessionCookie, basePath }: SignInDeps): void {
  const { origin, pathname } = new URL(config.issuer);
  const path = pathname === '/' ? '' : pathname;
  const metadataUrl = `${origin}/.well-known/oauth-authorization-server${path}`;

  router.get('/', async (ctx) => {
    const session = await sessionCookie.current(ctx);
    return views.render(ctx, 'front', {
      user: session && { name: session.user.name, email: session.user.email },
      signInUrl: `${basePath}/sign-in`,
      accountUrl: `${basePath}/account`,
      issuer: config.issuer,
      metadataUrl,
      documentationUrl: SERVICE_DOCUMENTATION,
    });
  });
}
