import type Router from '@koa/router';
import type { Context } from 'koa';
import { renderSVG } from 'uqr';

import { type Authentication, FieldRefused, PasskeyRefused } from '../domain/credentials/index.ts';
import { AlreadyExists, NotFound } from '../kernel/errors.ts';
import { field, originOf } from '../platform/http/index.ts';

import { connectLine } from './connect-line.ts';
import type { SignInDeps } from './deps.ts';
import type { SignInLimits } from './limits.ts';
import { responseOf } from './passkey.ts';
import { networkOf, refuseJson, seeOther } from './respond.ts';

/** A sentence for each field that was refused. */
export const REFUSED: Readonly<Record<FieldRefused['field'], string>> = {
  name: 'Type your name, in at most 120 characters.',
  email: 'That is not an e-mail address.',
  password: 'A password has at least 12 and at most 1,024 characters.',
  code: 'The code is not right. Type the one that the app shows now.',
};
const TAKEN = 'Somebody has that e-mail address here already. Choose another.';

/**
 * `/setup`: the first administrator, in three steps.
 *
 * The link's token leaves the address at once and goes on as a cookie of this path, so that it stays
 * in no history and no log. A wrong, spent or late link, and every page once there is an
 * administrator, is the same 404.
 */
export function addSetup(router: Router, deps: SignInDeps, limits: SignInLimits): void {
  const { config, database, installation, cookies, forms, views, sessionCookie, basePath } = deps;
  const { setup, signIn } = installation;
  const path = `${basePath}/setup`;

  const tokenOf = (ctx: Context) => cookies.get(ctx, 'setup', { path }) ?? '';
  const browserOf = (ctx: Context) => ({ origin: originOf(ctx), userAgent: ctx.get('User-Agent') });

  const showIdentity = (ctx: Context, { status = 200, ...filled }: IdentityForm) =>
    views.render(ctx, 'setup/identity', { csrf: forms.token(ctx), action: path, ...filled }, { status });

  const showFactor = async (
    ctx: Context,
    { error, status = 200 }: { error?: string; status?: number } = {},
  ) => {
    const token = tokenOf(ctx);
    const identity = await setup.identity(token);
    if (!identity) return seeOther(ctx, path);
    const { secret, otpauthUri } = await setup.totp(token);
    const page = {
      csrf: forms.token(ctx),
      action: `${path}/factor`,
      name: identity.name,
      email: identity.email,
      passkey: { optionsUrl: `${path}/passkey/options`, verifyUrl: `${path}/passkey` },
      totp: {
        qrSvg: renderSVG(otpauthUri),
        secret: secret.match(/.{1,4}/g)?.join(' ') ?? secret,
        uri: otpauthUri,
      },
      error,
    };
    return views.render(ctx, 'setup/factor', page, { status });
  };

  const complete = async (ctx: Context, authentication: Authentication) => {
    sessionCookie.set(ctx, await signIn.enter(authentication, browserOf(ctx)));
    cookies.clear(ctx, 'setup', { path });
  };

  router.get('/setup', async (ctx) => {
    const given = ctx.query['token'];
    if (given === undefined) {
      const identity = await setup.identity(tokenOf(ctx));
      return showIdentity(ctx, { name: identity?.name, email: identity?.email });
    }
    const token = typeof given === 'string' ? given : '';
    try {
      await setup.open(token, originOf(ctx));
    } catch (error) {
      if (error instanceof NotFound) await limits.unproven(networkOf(ctx));
      throw error;
    }
    cookies.set(ctx, 'setup', token, { path, maxAge: config.lifetimes.setupLink });
    return seeOther(ctx, path);
  });

  router.post('/setup', async (ctx) => {
    const form = await forms.read(ctx);
    const person = { name: field(form, 'name'), email: field(form, 'email') };
    try {
      await setup.identify(tokenOf(ctx), person);
    } catch (error) {
      if (error instanceof FieldRefused) {
        return showIdentity(ctx, { ...person, error: REFUSED[error.field], status: 400 });
      }
      if (error instanceof AlreadyExists) return showIdentity(ctx, { ...person, error: TAKEN, status: 409 });
      throw error;
    }
    return seeOther(ctx, `${path}/factor`);
  });

  router.get('/setup/factor', (ctx) => showFactor(ctx));

  router.post('/setup/factor', async (ctx) => {
    const form = await forms.read(ctx);
    const proof = { password: field(form, 'password'), code: field(form, 'code') };
    try {
      await complete(ctx, await setup.completeWithPassword(tokenOf(ctx), proof, browserOf(ctx)));
    } catch (error) {
      if (error instanceof FieldRefused) return showFactor(ctx, { error: REFUSED[error.field], status: 400 });
      throw error;
    }
    return seeOther(ctx, `${path}/done`);
  });

  router.post('/setup/passkey/options', async (ctx) => {
    await forms.readJson(ctx);
    ctx.body = await setup.passkeyOptions(tokenOf(ctx));
  });

  router.post('/setup/passkey', async (ctx) => {
    const response = responseOf(await forms.readJson(ctx));
    try {
      await complete(ctx, await setup.completeWithPasskey(tokenOf(ctx), response, browserOf(ctx)));
    } catch (error) {
      if (!(error instanceof PasskeyRefused)) throw error;
      return refuseJson(ctx, 401);
    }
    ctx.body = { location: `${path}/done` };
  });

  router.get('/setup/done', async (ctx) => {
    const session = await sessionCookie.current(ctx);
    if (!session) throw new NotFound('only for whoever has just completed set-up');
    const connection = await connectLine(database.pool, installation.defaultTenant, config);
    return views.render(ctx, 'setup/done', {
      name: session.user.name,
      accountUrl: `${basePath}/account`,
      ...connection,
    });
  });
}

interface IdentityForm {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly error?: string;
  readonly status?: number;
}
