import type Router from '@koa/router';
import { describeDevice } from '../domain/credentials/index.ts';
import { byUser } from '../kernel/cause.ts';
import { describeWhen, originOf } from '../platform/http/index.ts';

import type { AccountDeps } from './deps.ts';
import { frameOf } from './frame.ts';
import { factorReview } from './review-factors.ts';
import { createSignedIn, seeOther } from './signed-in.ts';

/** `/account/security`: how I sign in, and where I am signed in. */
export function addSecurity(router: Router, deps: AccountDeps): void {
  const { installation, forms, views, sessionCookie, basePath, clock } = deps;
  const { factors, sessions } = installation;
  const signedIn = createSignedIn(deps);
  const path = `${basePath}/account/security`;

  router.get(
    '/account/security',
    signedIn(async (ctx, session) => {
      const now = clock();
      const [ways, list, review] = await Promise.all([
        factors.ways(session.user.id),
        sessions.list(session.user.id),
        factorReview(deps, session, path),
      ]);
      await views.render(ctx, 'account/security', {
        ...frameOf(ctx, session, basePath),
        ...review,
        passkeys: ways.passkeys.map(({ id, name, backedUp, createdAt, lastUsedAt }) => ({
          name,
          backedUp,
          since: describeWhen(createdAt, now),
          lastUsed: lastUsedAt && describeWhen(lastUsedAt, now),
          ...(ways.mayRemove ? { removeUrl: `${path}/passkeys/${id}/remove` } : {}),
        })),
        addPasskeyUrl: `${path}/passkeys/add`,
        password: {
          changedAt: ways.passwordSince && describeWhen(ways.passwordSince, now),
          changeUrl: `${path}/password`,
          ...(ways.passwordSince && ways.mayRemove ? { removeUrl: `${path}/password/remove` } : {}),
        },
        sessions: list.map((one) => ({
          current: one.id === session.id,
          device: describeDevice(one.userAgent),
          network: one.network,
          since: describeWhen(one.createdAt, now),
          lastSeen: describeWhen(one.lastSeenAt, now),
          endUrl: `${path}/sessions/${one.id}/end`,
        })),
        ...(list.length > 1 ? { endOthersUrl: `${path}/sessions/end-others` } : {}),
      });
    }),
  );

  router.get(
    '/account/security/sessions/end-others',
    signedIn(async (ctx) => {
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/sessions/end-others`,
        title: 'End all other sessions?',
        consequences: [
          'Every other browser has to sign in again before it can act for you here.',
          'Your connections go on working; you can end them under Connected apps.',
        ],
        button: 'End all others',
        backUrl: path,
      });
    }),
  );

  router.post(
    '/account/security/sessions/end-others',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      await sessions.endOthers(session, byUser(session.user.id, originOf(ctx)));
      seeOther(ctx, `${path}?done=sessions-ended`);
    }),
  );

  router.get(
    '/account/security/sessions/:id/end',
    signedIn(async (ctx, session) => {
      const id = ctx.params['id'] ?? '';
      const found = (await sessions.list(session.user.id)).find((one) => one.id === id);
      if (!found) return seeOther(ctx, path);
      const device = describeDevice(found.userAgent);
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/sessions/${found.id}/end`,
        title: found.id === session.id ? 'Sign out here?' : `End the session of ${device}?`,
        consequences: [
          found.id === session.id
            ? 'This browser has to sign in again.'
            : `${device} has to sign in again before it can act for you here.`,
          'Your connections go on working; you can end them under Connected apps.',
        ],
        button: 'End session',
        backUrl: path,
      });
    }),
  );

  router.post(
    '/account/security/sessions/:id/end',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      const id = ctx.params['id'] ?? '';
      await sessions.end(
        { id, userId: session.user.id },
        'ended_by_user',
        byUser(session.user.id, originOf(ctx)),
      );
      if (id !== session.id) return seeOther(ctx, `${path}?done=session-ended`);
      sessionCookie.clear(ctx);
      seeOther(ctx, `${basePath}/sign-out`);
    }),
  );
}
