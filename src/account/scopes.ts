import type Router from '@koa/router';
import { changeScopes, findScopeChoice, type ScopeChange, type ScopeChoice } from '../domain/grants/index.ts';
import { FreshSignInNeeded, type Session } from '../domain/sessions/index.ts';
import { describeRevocationDelay } from '../domain/tokens/index.ts';
import { byUser } from '../kernel/cause.ts';
import { NotFound } from '../kernel/errors.ts';
import { fields, HttpError, originOf } from '../platform/http/index.ts';

import type { AccountDeps } from './deps.ts';
import { frameOf, type Notice } from './frame.ts';
import { createKeptChoice } from './kept-choice.ts';
import { scopesPage } from './scopes-page.ts';
import { createSignedIn, type RouteContext, seeOther } from './signed-in.ts';

/** Errors with which the form is shown again; nothing was changed. */
const AGAIN = {
  nothing_ticked: 'A connection needs at least one permission. End this connection instead.',
  not_offered: 'Something that you ticked can no longer be allowed. See what is left, and save again.',
} as const;

/**
 * `/account/connections/:id/scopes`: changes what one connection may do.
 *
 * Taking back works with any session. Adding needs a fresh sign-in, like everything that gives more: after it the
 * browser is back at the form with what was ticked, and the user saves once more.
 */
export function addScopes(router: Router, deps: AccountDeps): void {
  const { config, database, installation, forms, views, basePath, clock } = deps;
  const { factors } = installation;
  const signedIn = createSignedIn(deps);
  const keptChoice = createKeptChoice(deps);
  const account = `${basePath}/account`;
  const delay = describeRevocationDelay(config.lifetimes.accessToken);
  const reading = { ...database, documents: config.metadataDocuments };

  const choiceOf = async (ctx: RouteContext, { user }: Session): Promise<ScopeChoice> => {
    const found = await findScopeChoice(reading, { userId: user.id, grantId: ctx.params['id'] ?? '' });
    if (found === undefined) throw new NotFound('there is no such connection');
    if (found === 'ended') throw ended();
    return found;
  };

  const show = async (
    ctx: RouteContext,
    session: Session,
    choice: ScopeChoice,
    again: { readonly ticked?: readonly string[] | undefined; readonly error?: string } = {},
  ) => {
    const page = {
      ...frameOf(ctx, session, basePath),
      ...scopesPage(choice, { account, delay, now: clock(), ...again }),
      csrf: forms.token(ctx),
      signsInAgain: !factors.isFresh(session),
    };
    await views.render(ctx, 'account/scopes', page, { status: again.error === undefined ? 200 : 400 });
  };

  router.get(
    '/account/connections/:id/scopes',
    signedIn(async (ctx, session) => {
      const choice = await choiceOf(ctx, session);
      await show(ctx, session, choice, { ticked: keptChoice.take(ctx, choice.connection.id) });
    }),
  );

  router.post(
    '/account/connections/:id/scopes',
    signedIn(
      async (ctx, session) => {
        const form = await forms.read(ctx);
        const choice = await choiceOf(ctx, session);
        const { connection, beyond } = choice;
        const ticked = [...new Set(fields(form, 'scope'))];
        if (ticked.length === 0) {
          return show(ctx, session, choice, { ticked, error: AGAIN.nothing_ticked });
        }
        const fresh = factors.isFresh(session);
        if (!fresh && ticked.some((scope) => beyond.includes(scope))) {
          keptChoice.keep(ctx, connection.id, ticked);
          throw new FreshSignInNeeded();
        }
        const decision = { userId: session.user.id, grantId: connection.id, scopes: ticked };
        const changed = await changeScopes(
          database.prisma,
          { ...decision, addable: fresh ? beyond : [] },
          byUser(session.user.id, originOf(ctx)),
        );
        if (changed === 'ended') throw ended();
        if (changed === 'not_offered') {
          const now = await choiceOf(ctx, session);
          return show(ctx, session, now, { ticked, error: AGAIN.not_offered });
        }
        const notice = noticeOf(changed);
        return seeOther(ctx, notice ? `${account}?done=${notice}` : account);
      },
      { backToForm: true },
    ),
  );
}

function noticeOf({ removed, added }: ScopeChange): Notice | undefined {
  if (removed.length > 0) return added.length > 0 ? 'connection-changed' : 'connection-narrowed';
  return added.length > 0 ? 'connection-widened' : undefined;
}

function ended(): HttpError {
  return new HttpError(
    404,
    'not_found',
    'this connection has ended',
    {},
    {
      title: 'This connection has ended',
      explanation: 'It ended before anything could be changed, and the program can no longer use it.',
      advice: 'Connected apps shows what is still connected.',
    },
  );
}
