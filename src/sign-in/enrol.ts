import type Router from '@koa/router';
import type { Context } from 'koa';
import { renderSVG } from 'uqr';
import { type Authentication, FieldRefused, PasskeyRefused } from '../domain/credentials/index.ts';
import { LinkRefused } from '../domain/users/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { AlreadyExists } from '../kernel/errors.ts';
import { field, originOf } from '../platform/http/index.ts';

import type { SignInDeps } from './deps.ts';
import type { SignInLimits } from './limits.ts';
import { responseOf } from './passkey.ts';
import { networkOf, refuseJson, seeOther } from './respond.ts';
import { REFUSED } from './setup.ts';

/**
 * `/enrol`: a person makes what they sign in with, by a one-time link.
 *
 * The link's token leaves the address at once and goes on as a cookie of this path, so that it stays in no
 * history and no log. A GET changes nothing; the POST that completes uses the link.
 */
export function addEnrol(router: Router, deps: SignInDeps, limits: SignInLimits): void {
  const { installation, cookies, forms, views, sessionCookie, basePath } = deps;
  const { enrolment, signIn } = installation;
  const path = `${basePath}/enrol`;

  const tokenOf = (ctx: Context) => cookies.get(ctx, 'enrol', { path }) ?? '';
  const browserOf = (ctx: Context) => ({ origin: originOf(ctx), userAgent: ctx.get('User-Agent') });

  const show = async (ctx: Context, { error, status = 200 }: { error?: string; status?: number } = {}) => {
    const token = tokenOf(ctx);
    const owner = await enrolment.open(token);
    const { secret, otpauthUri } = enrolment.totp(token, owner);
    const page = {
      csrf: forms.token(ctx),
      action: path,
      name: owner.name,
      email: owner.email,
      recovery: owner.purpose === 'recovery',
      passkey: { optionsUrl: `${path}/passkey/options`, verifyUrl: `${path}/passkey` },
      totp: {
        qrSvg: renderSVG(otpauthUri),
        secret: secret.match(/.{1,4}/g)?.join(' ') ?? secret,
        uri: otpauthUri,
      },
      error,
    };
    await views.render(ctx, 'sign-in/enrol', page, { status });
  };

  /** The page for every link that cannot be used: it does not say why, so that guesses learn nothing. */
  const showUnusable = (ctx: Context) =>
    views.render(
      ctx,
      'error',
      {
        title: 'This link cannot be used',
        explanation:
          'It was used already, it is too old, or a newer one has replaced it. Nothing was changed.',
        advice: 'If you can sign in, do so. If not, ask an administrator of this server for a new link.',
        action: { href: `${basePath}/sign-in`, label: 'Sign in' },
        forOperator: `${GATEHOUSE} user reset <e-mail address>`,
        requestId: originOf(ctx).requestId,
        code: 'not_found',
      },
      { status: 404 },
    );

  const refused = async (ctx: Context, error: unknown) => {
    if (!(error instanceof LinkRefused)) throw error;
    await limits.unproven(networkOf(ctx));
    await enrolment.recordRefusal(error, originOf(ctx));
  };

  const complete = async (ctx: Context, authentication: Authentication) => {
    const current = await sessionCookie.current(ctx);
    sessionCookie.set(ctx, await signIn.enter(authentication, { ...browserOf(ctx), current }));
    cookies.clear(ctx, 'enrol', { path });
  };

  router.get('/enrol', async (ctx) => {
    const given = ctx.query['token'];
    try {
      if (given === undefined) return await show(ctx);
      const token = typeof given === 'string' ? given : '';
      await enrolment.open(token);
      cookies.set(ctx, 'enrol', token, { path });
      return seeOther(ctx, path);
    } catch (error) {
      await refused(ctx, error);
      return showUnusable(ctx);
    }
  });

  router.post('/enrol', async (ctx) => {
    const form = await forms.read(ctx);
    await limits.step(networkOf(ctx));
    const proof = { password: field(form, 'password'), code: field(form, 'code') };
    try {
      await complete(ctx, await enrolment.completeWithPassword(tokenOf(ctx), proof, browserOf(ctx)));
    } catch (error) {
      if (error instanceof FieldRefused) return show(ctx, { error: REFUSED[error.field], status: 400 });
      await refused(ctx, error);
      return showUnusable(ctx);
    }
    return seeOther(ctx, `${basePath}/account?done=enrolled`);
  });

  router.post('/enrol/passkey/options', async (ctx) => {
    await forms.readJson(ctx);
    await limits.step(networkOf(ctx));
    try {
      ctx.body = await enrolment.passkeyOptions(tokenOf(ctx));
    } catch (error) {
      await refused(ctx, error);
      refuseJson(ctx, 404);
    }
  });

  router.post('/enrol/passkey', async (ctx) => {
    const response = responseOf(await forms.readJson(ctx));
    try {
      await complete(ctx, await enrolment.completeWithPasskey(tokenOf(ctx), response, browserOf(ctx)));
    } catch (error) {
      if (error instanceof PasskeyRefused) return refuseJson(ctx, 401);
      if (error instanceof AlreadyExists) return refuseJson(ctx, 409);
      await refused(ctx, error);
      return refuseJson(ctx, 404);
    }
    ctx.body = { location: `${basePath}/account?done=enrolled` };
  });
}
