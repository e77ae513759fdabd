import type Router from '@koa/router';
import { describeDevice, type Notice } from '../domain/credentials/index.ts';
import type { Session } from '../domain/sessions/index.ts';
import { byUser } from '../kernel/cause.ts';
import { describeWhen, field, originOf } from '../platform/http/index.ts';

import { safeContinue } from './continue-to.ts';
import type { SignInDeps } from './deps.ts';
import { seeOther } from './respond.ts';

/** Where a sign-in leads: to what was added to the account since, if the person has not seen it, else back. */
export async function nextAfterSignIn(
  { installation, basePath }: Pick<SignInDeps, 'installation' | 'basePath'>,
  session: Session,
  continueTo: string,
): Promise<string> {
  if ((await installation.factors.notices(session)).length === 0) return continueTo;
  return `${basePath}/sign-in/notice?continue=${encodeURIComponent(continueTo)}`;
}

/** `/sign-in/notice`: which factors were added, until the person says that it was them. */
export function addNoticePage(router: Router, deps: SignInDeps): void {
  const { installation, forms, views, sessionCookie, basePath, clock } = deps;
  const { factors } = installation;

  const wayBack = (value: unknown) => safeContinue(value, `${basePath}/account`);
  const url = (continueTo: string) => `${basePath}/sign-in/notice?continue=${encodeURIComponent(continueTo)}`;

  router.get('/sign-in/notice', async (ctx) => {
    const continueTo = wayBack(ctx.query['continue']);
    const session = await sessionCookie.current(ctx);
    if (!session) return seeOther(ctx, `${basePath}/sign-in?continue=${encodeURIComponent(url(continueTo))}`);
    const notices = await factors.notices(session);
    if (notices.length === 0) return seeOther(ctx, continueTo);
    const now = clock();
    return views.render(ctx, 'sign-in/notice', {
      csrf: forms.token(ctx),
      action: url(continueTo),
      email: session.user.email,
      ids: notices.map(({ id }) => id).join(' '),
      notices: notices.map((notice) => ({
        what: describe(notice),
        when: describeWhen(notice.createdAt, now),
        device: describeDevice(notice.userAgent),
        network: notice.network,
      })),
      securityUrl: `${basePath}/account/security`,
    });
  });

  router.post('/sign-in/notice', async (ctx) => {
    const form = await forms.read(ctx);
    const session = await sessionCookie.current(ctx);
    if (session)
      await factors.acknowledge(
        session,
        field(form, 'ids').split(' '),
        byUser(session.user.id, originOf(ctx)),
      );
    return seeOther(ctx, wayBack(ctx.query['continue']));
  });
}

function describe({ kind, name }: Notice): string {
  if (kind === 'password_set') return 'A password and an authenticator app were set';
  return name === undefined ? 'A passkey was added, and removed since' : `The passkey “${name}” was added`;
}
