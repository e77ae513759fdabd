import type Router from '@koa/router';
import { renderSVG } from 'uqr';
import { FieldRefused } from '../domain/credentials/index.ts';
import { FreshSignInNeeded, type Session } from '../domain/sessions/index.ts';
import { byUser } from '../kernel/cause.ts';
import { NotFound } from '../kernel/errors.ts';
import { field, originOf } from '../platform/http/index.ts';

import type { AccountDeps } from './deps.ts';
import { createEnrolment } from './enrolment.ts';
import { frameOf } from './frame.ts';
import { createSignedIn, type RouteContext, seeOther } from './signed-in.ts';

const REFUSED: Readonly<Partial<Record<FieldRefused['field'], string>>> = {
  password: 'A password has at least 12 and at most 1,024 characters.',
  code: 'The code is not right. Type the one that the app shows now.',
};

/** `/account/security/password`: password and authenticator app, set and removed together. */
export function addPassword(router: Router, deps: AccountDeps): void {
  const { installation, forms, views, sessionCookie, basePath } = deps;
  const { factors } = installation;
  const signedIn = createSignedIn(deps);
  const enrolment = createEnrolment(deps);
  const security = `${basePath}/account/security`;
  const path = `${security}/password`;

  const show = async (
    ctx: RouteContext,
    session: Session,
    { error, status = 200 }: { readonly error?: string | undefined; readonly status?: number } = {},
  ) => {
    const { secret, otpauthUri } = factors.totp(session, await enrolment.begin(ctx, session));
    const page = {
      ...frameOf(ctx, session, basePath),
      csrf: forms.token(ctx),
      action: path,
      totp: {
        qrSvg: renderSVG(otpauthUri),
        secret: secret.match(/.{1,4}/g)?.join(' ') ?? secret,
        uri: otpauthUri,
      },
      backUrl: security,
      error,
    };
    await views.render(ctx, 'account/password', page, { status });
  };

  router.get(
    '/account/security/password',
    signedIn((ctx, session) => show(ctx, session)),
  );

  router.post(
    '/account/security/password',
    signedIn(async (ctx, session) => {
      const form = await forms.read(ctx);
      const given = { password: field(form, 'password'), code: field(form, 'code') };
      const browser = { origin: originOf(ctx), userAgent: ctx.get('User-Agent') };
      try {
        const opened = await factors.setPassword(session, enrolment.tokenOf(ctx), given, browser);
        sessionCookie.set(ctx, opened);
      } catch (error) {
        if (error instanceof FieldRefused) {
          return show(ctx, session, { error: REFUSED[error.field], status: 400 });
        }
        if (error instanceof NotFound) return seeOther(ctx, path);
        throw error;
      }
      enrolment.end(ctx);
      seeOther(ctx, `${security}?done=password-set`);
    }),
  );

  router.get(
    '/account/security/password/remove',
    signedIn(async (ctx, session) => {
      if (!factors.isFresh(session)) throw new FreshSignInNeeded();
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/remove`,
        title: 'Remove password and authenticator app?',
        consequences: [
          'They no longer sign you in; your passkeys do. Your sessions in other browsers end.',
          ...(session.amr.includes('pwd')
            ? ['You signed in with them here: this session ends too, and you have to sign in with a passkey.']
            : []),
        ],
        button: 'Remove both',
        backUrl: security,
      });
    }),
  );

  router.post(
    '/account/security/password/remove',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      const stays = await factors.removePassword(session, byUser(session.user.id, originOf(ctx)));
      if (stays) return seeOther(ctx, `${security}?done=password-removed`);
      sessionCookie.clear(ctx);
      seeOther(ctx, `${basePath}/sign-out`);
    }),
  );
}
