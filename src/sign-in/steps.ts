import type Router from '@koa/router';
import type { Context } from 'koa';

import { field, originOf } from '../platform/http/index.ts';

import { safeContinue } from './continue-to.ts';
import type { SignInDeps } from './deps.ts';
import type { SignInLimits } from './limits.ts';
import { nextAfterSignIn } from './notice.ts';
import { networkOf, seeOther } from './respond.ts';

/** The one answer to a wrong address, password or code, and to a person who does not exist or is disabled. */
const NOT_RIGHT =
  'The e-mail address, password or code is not right. Type the code that the app shows now; each code works once.';
const OVER = 'That took too long, or there were too many tries. Begin again.';
const EMAIL_MISSING = 'Type your e-mail address.';

const MAX_EMAIL_LENGTH = 254;

/**
 * `/sign-in`, `/sign-in/password`, `/sign-in/totp`: one page for each step, whatever was typed before.
 *
 * What was proven stands in the attempt's row; the browser holds the attempt's token, and the way
 * back travels in the addresses, so that two tabs do not end in each other's place.
 */
export function addSteps(router: Router, deps: SignInDeps, limits: SignInLimits): void {
  const { config, installation, cookies, forms, views, sessionCookie, basePath, describe } = deps;
  const { signIn } = installation;
  const path = `${basePath}/sign-in`;

  const wayBack = (ctx: Context) => safeContinue(ctx.query['continue'], `${basePath}/account`);
  const url = (ctx: Context, step: '' | '/password' | '/totp' | '/passkey' | '/passkey/options' = '') =>
    `${path}${step}?continue=${encodeURIComponent(wayBack(ctx))}`;
  const purposeOf = (ctx: Context) => describe?.(wayBack(ctx));
  const attemptOf = (ctx: Context) => cookies.get(ctx, 'attempt', { path });

  const showIdentify = async (
    ctx: Context,
    { error, status = 200 }: { error?: string; status?: number } = {},
  ) => {
    const current = await sessionCookie.current(ctx);
    const page = {
      csrf: forms.token(ctx),
      action: url(ctx),
      error,
      email: current?.user.email,
      purpose: await purposeOf(ctx),
      passkey: { optionsUrl: url(ctx, '/passkey/options'), verifyUrl: url(ctx, '/passkey') },
      reauthenticate: current !== undefined,
    };
    await views.render(ctx, 'sign-in/identify', page, { status });
  };
  const beginAgain = (ctx: Context) => showIdentify(ctx, { error: OVER, status: 403 });

  const showStep = async (
    ctx: Context,
    step: 'password' | 'totp',
    { email, error, status = 200 }: { email: string; error?: string; status?: number },
  ) => {
    const page = {
      csrf: forms.token(ctx),
      action: url(ctx, `/${step}`),
      backUrl: `${url(ctx)}&reauth=1`,
      passwordUrl: url(ctx, '/password'),
      purpose: await purposeOf(ctx),
      email,
      error,
    };
    await views.render(ctx, `sign-in/${step}`, page, { status });
  };

  router.get('/sign-in', async (ctx) => {
    const again = ctx.query['reauth'] === '1';
    if (!again && (await sessionCookie.current(ctx))) return seeOther(ctx, wayBack(ctx));
    return showIdentify(ctx);
  });

  router.post('/sign-in', async (ctx) => {
    const form = await forms.read(ctx);
    const email = field(form, 'email').trim();
    if (email === '' || email.length > MAX_EMAIL_LENGTH) {
      return showIdentify(ctx, { error: EMAIL_MISSING, status: 400 });
    }
    await limits.step(networkOf(ctx));
    cookies.set(ctx, 'attempt', await signIn.begin(email), { path, maxAge: config.lifetimes.interaction });
    return seeOther(ctx, url(ctx, '/password'));
  });

  for (const step of ['password', 'totp'] as const) {
    router.get(`/sign-in/${step}`, async (ctx) => {
      const pending = await signIn.pending(attemptOf(ctx), networkOf(ctx));
      return pending ? showStep(ctx, step, pending) : seeOther(ctx, url(ctx));
    });
  }

  router.post('/sign-in/password', async (ctx) => {
    const form = await forms.read(ctx);
    await limits.step(networkOf(ctx));
    const token = await signIn.password(attemptOf(ctx) ?? '', field(form, 'password'), networkOf(ctx));
    if (token === undefined) return beginAgain(ctx);
    cookies.set(ctx, 'attempt', token, { path, maxAge: config.lifetimes.interaction });
    return seeOther(ctx, url(ctx, '/totp'));
  });

  router.post('/sign-in/totp', async (ctx) => {
    const form = await forms.read(ctx);
    const token = attemptOf(ctx) ?? '';
    const pending = await signIn.pending(token, networkOf(ctx));
    if (!pending) return beginAgain(ctx);
    const guess = { ...pending, network: networkOf(ctx) };
    const current = await sessionCookie.current(ctx);
    const browser = { origin: originOf(ctx), userAgent: ctx.get('User-Agent'), current };
    const result = await signIn.code(token, field(form, 'code'), browser, () => limits.guess(guess));
    switch (result.outcome) {
      case 'signed_in':
        await limits.right(guess);
        sessionCookie.set(ctx, result.opened);
        cookies.clear(ctx, 'attempt', { path });
        return seeOther(ctx, await nextAfterSignIn(deps, result.opened.session, wayBack(ctx)));
      case 'refused':
        await limits.wrong(guess);
        return showStep(ctx, 'totp', { email: pending.email, error: NOT_RIGHT, status: 403 });
      case 'expired':
        return beginAgain(ctx);
    }
  });
}
