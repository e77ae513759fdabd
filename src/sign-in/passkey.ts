import type Router from '@koa/router';

import { originOf } from '../platform/http/index.ts';

import { safeContinue } from './continue-to.ts';
import type { SignInDeps } from './deps.ts';
import type { SignInLimits } from './limits.ts';
import { nextAfterSignIn } from './notice.ts';
import { networkOf, refuseJson } from './respond.ts';

/**
 * `/sign-in/passkey`: options first, then the assertion, both as JSON of passkey.js.
 *
 * It has a cookie of its own beside the steps': a page that offers passkeys in its e-mail field asks
 * for options whenever it is opened, and must not disturb a sign-in in another tab.
 */
export function addPasskey(router: Router, deps: SignInDeps, limits: SignInLimits): void {
  const { config, installation, cookies, forms, sessionCookie, basePath } = deps;
  const { signIn } = installation;
  const path = `${basePath}/sign-in`;

  router.post('/sign-in/passkey/options', async (ctx) => {
    await forms.readJson(ctx);
    await limits.step(networkOf(ctx));
    const { token, options } = await signIn.passkeyOptions(cookies.get(ctx, 'passkey', { path }));
    cookies.set(ctx, 'passkey', token, { path, maxAge: config.lifetimes.interaction });
    ctx.body = options;
  });

  router.post('/sign-in/passkey', async (ctx) => {
    const response = responseOf(await forms.readJson(ctx));
    const token = cookies.get(ctx, 'passkey', { path }) ?? '';
    const current = await sessionCookie.current(ctx);
    const browser = { origin: originOf(ctx), userAgent: ctx.get('User-Agent'), current };

    const result = await signIn.passkey(token, response, browser);
    if (result.outcome !== 'signed_in') {
      await limits.unproven(networkOf(ctx));
      return refuseJson(ctx, 401);
    }
    sessionCookie.set(ctx, result.opened);
    cookies.clear(ctx, 'passkey', { path });
    const continueTo = safeContinue(ctx.query['continue'], `${basePath}/account`);
    ctx.body = { location: await nextAfterSignIn(deps, result.opened.session, continueTo) };
  });
}

/** The WebAuthn response of `{ response }`; whether it is one is judged with it. */
export function responseOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'response' in body ? body.response : undefined;
}
