import type Router from '@koa/router';
import type { Context } from 'koa';
import { PasskeyRefused } from '../domain/credentials/index.ts';
import { FreshSignInNeeded } from '../domain/sessions/index.ts';
import { byUser } from '../kernel/cause.ts';
import { AlreadyExists, NotFound } from '../kernel/errors.ts';
import { originOf } from '../platform/http/index.ts';

import type { AccountDeps } from './deps.ts';
import { createEnrolment } from './enrolment.ts';
import { frameOf } from './frame.ts';
import { createSignedIn, type RouteContext, seeOther } from './signed-in.ts';

/** `/account/security/passkeys`: adding one, by script, and removing one. */
export function addPasskeys(router: Router, deps: AccountDeps): void {
  const { installation, forms, views, sessionCookie, basePath } = deps;
  const { factors } = installation;
  const signedIn = createSignedIn(deps);
  const enrolment = createEnrolment(deps);
  const security = `${basePath}/account/security`;
  const path = `${security}/passkeys`;

  router.get(
    '/account/security/passkeys/add',
    signedIn(async (ctx, session) => {
      await enrolment.begin(ctx, session);
      await views.render(ctx, 'account/passkey', {
        ...frameOf(ctx, session, basePath),
        csrf: forms.token(ctx),
        action: `${path}/add`,
        passkey: { optionsUrl: `${path}/options`, verifyUrl: path },
        backUrl: security,
      });
    }),
  );

  // Without scripts, Enter in the field for the name ends up here.
  router.post(
    '/account/security/passkeys/add',
    signedIn(async (ctx) => seeOther(ctx, `${path}/add`)),
  );

  router.post('/account/security/passkeys/options', async (ctx) => {
    await forms.readJson(ctx);
    const session = await sessionCookie.current(ctx);
    if (!session || !factors.isFresh(session)) return refuseJson(ctx, 403);
    ctx.body = await factors.passkeyOptions(session, await enrolment.begin(ctx, session));
  });

  router.post('/account/security/passkeys', async (ctx) => {
    const given = givenBy(await forms.readJson(ctx));
    const session = await sessionCookie.current(ctx);
    if (!session) return refuseJson(ctx, 403);
    try {
      await factors.addPasskey(session, enrolment.tokenOf(ctx), given, {
        origin: originOf(ctx),
        userAgent: ctx.get('User-Agent'),
      });
    } catch (error) {
      if (error instanceof PasskeyRefused) return refuseJson(ctx, 401);
      if (error instanceof FreshSignInNeeded || error instanceof NotFound) return refuseJson(ctx, 403);
      if (error instanceof AlreadyExists) return refuseJson(ctx, 409);
      throw error;
    }
    enrolment.end(ctx);
    ctx.body = { location: `${security}?done=passkey-added` };
  });

  router.get(
    '/account/security/passkeys/:id/remove',
    signedIn(async (ctx, session) => {
      const { passkeys } = await factors.ways(session.user.id);
      const passkey = passkeys.find(({ id }) => id === ctx.params['id']);
      if (!passkey) return seeOther(ctx, security);
      await confirmRemoval(ctx, passkey, session.passkeyId === passkey.id);
    }),
  );

  router.post(
    '/account/security/passkeys/:id/remove',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      const stays = await factors.removePasskey(
        session,
        ctx.params['id'] ?? '',
        byUser(session.user.id, originOf(ctx)),
      );
      if (stays) return seeOther(ctx, `${security}?done=passkey-removed`);
      sessionCookie.clear(ctx);
      seeOther(ctx, `${basePath}/sign-out`);
    }),
  );

  async function confirmRemoval(
    ctx: RouteContext,
    { id, name }: { readonly id: string; readonly name: string },
    madeThisSession: boolean,
  ): Promise<void> {
    await views.render(ctx, 'account/confirm', {
      csrf: forms.token(ctx),
      action: `${path}/${id}/remove`,
      title: `Remove the passkey “${name}”?`,
      consequences: [
        'It no longer signs you in, and your sessions in other browsers end.',
        ...(madeThisSession
          ? ['You signed in with it here: this session ends too, and you have to sign in another way.']
          : []),
        'Your device may still offer it until you delete it there too.',
      ],
      button: 'Remove passkey',
      backUrl: security,
    });
  }
}

/** For passkey.js, which has its own words for each status. */
function refuseJson(ctx: Context, status: 401 | 403 | 409): void {
  ctx.status = status;
  ctx.body = { error: 'access_denied', error_description: 'the passkey was not accepted' };
}

/** `{ response, name? }`; whether the response is one is judged with it. */
function givenBy(body: unknown): { readonly response: unknown; readonly name: string } {
  if (typeof body !== 'object' || body === null) return { response: undefined, name: '' };
  const name = 'name' in body && typeof body.name === 'string' ? body.name : '';
  return { response: 'response' in body ? body.response : undefined, name };
}
