import { isDeepStrictEqual } from 'node:util';
import Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Lifetimes } from '../../../config/config.ts';
import type { DocumentMode } from '../../../domain/admission/index.ts';
import { choseItsName } from '../../../domain/admission/index.ts';
import type { Session } from '../../../domain/sessions/index.ts';
import { byUser } from '../../../kernel/cause.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { Database } from '../../../platform/database/index.ts';
import {
  type Form,
  FormForged,
  type Forms,
  field,
  fields,
  HttpError,
  originOf,
  type Views,
} from '../../../platform/http/index.ts';
import { noteRefusal } from '../../refusals/refusal.ts';

import { type Answer, decisionOf, keepAnswer, signedIn } from './answer.ts';
import { nextStep } from './dispatch.ts';
import { donePage, leavesBrowser, repeatedDonePage } from './done.ts';
import type { Offer } from './offer.ts';
import { consentPage, continuePage } from './page.ts';
import type { RepeatableRedirects } from './repeatable-redirect.ts';
import { ended, factsOf, offerOf, type UnderWay, underWayOf } from './under-way.ts';

interface Deps {
  readonly provider: Provider;
  readonly database: Database;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  readonly forms: Forms;
  readonly views: Views;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  readonly currentSession: (ctx: Context) => Promise<Session | undefined>;
  /** Where the logo of a client is served; `undefined` when there is none to show. */
  readonly findLogo: (url: string | undefined) => Promise<string | undefined>;
  readonly redirects: RepeatableRedirects;
}

/**
 * `/interaction/:uid`: what happens between the authorization request and its answer.
 *
 *     /authorize ─▶ GET /interaction/… ─▶ /sign-in ─▶ GET /interaction/… (consent) ─▶ POST ─▶ /authorize/…
 *                                                                                      └─▶ …/done ─┘
 *
 * The page shows the stored request, and the form answers it: nothing that the browser sends can
 * change client, resource, redirect or person, and a scope that was not offered is refused.
 */
export function interactionRoutes(deps: Deps): Router {
  const {
    provider,
    database,
    forms,
    views,
    clock,
    lifetimes,
    defaultTenant,
    basePath,
    currentSession,
    findLogo,
  } = deps;
  const router = new Router({ prefix: '/interaction' });

  router.get('/:uid', async (ctx) => {
    const underWay = await underWayOf(provider, ctx);
    const session = await currentSession(ctx);
    const here = `${basePath}/interaction/${underWay.uid}`;
    const step = nextStep(session, factsOf(underWay));
    if (!session || step !== 'consent') {
      const again = step === 'sign-in-again' ? '&reauth=1' : '';
      seeOther(ctx, `${basePath}/sign-in?continue=${encodeURIComponent(here)}${again}`);
      return;
    }
    const offer = await offerOf(deps, ctx, underWay, session);
    if ('error' in offer) {
      await finish(ctx, underWay, offer);
      return;
    }
    if (underWay.prompt.name === 'login' && offer.maySkip) {
      await finish(ctx, underWay, signedIn(session));
      return;
    }
    const frame = await frameOf(ctx, here, offer);
    if (offer.mayContinue && ctx.query['choose'] === undefined) {
      const page = continuePage(offer, session.user, { ...frame, chooseUrl: `${here}?choose` });
      await views.render(ctx, 'interaction/continue', page);
    } else await views.render(ctx, 'interaction/consent', consentPage(offer, session.user, lifetimes, frame));
  });

  router.post('/:uid', async (ctx) => {
    const form = await readForm(ctx);
    const underWay = await underWayOf(provider, ctx);
    const session = await currentSession(ctx);
    const step = nextStep(session, factsOf(underWay));
    if (!session) throw refused(ctx, 403, 'not_signed_in', 'sign in first');
    if (step !== 'consent') throw refused(ctx, 403, 'sign_in_too_old', 'sign in again first');

    const offer = await offerOf(deps, ctx, underWay, session);
    if ('error' in offer) {
      await finish(ctx, underWay, offer);
      return;
    }
    // The client's document changed while the page was open, or the form does not say: what it says now has not been seen.
    const seen = field(form, 'client_version');
    if (seen !== (offer.key.clientVersion ?? '')) {
      seeOther(ctx, `${basePath}/interaction/${underWay.uid}`);
      return;
    }
    const chosen = fields(form, 'scope');
    const offered = [...offer.scopes, ...offer.beyond];
    if (chosen.some((scope) => !offered.includes(scope))) {
      throw refused(ctx, 400, 'scope_not_offered', 'the form does not answer what was asked');
    }
    const answer = decisionOf(offer, session, form);
    if ('again' in answer) {
      const frame = await frameOf(ctx, `${basePath}/interaction/${underWay.uid}`, offer);
      const shownAgain = { again: answer.again, ticked: chosen };
      const page = consentPage(offer, session.user, lifetimes, { ...frame, shownAgain });
      await views.render(ctx, 'interaction/consent', page, { status: 400 });
      return;
    }
    // The same answer twice, by an impatient finger, is one answer.
    if (!isDeepStrictEqual(answer, underWay.result)) {
      const shown = field(form, 'page') === 'continue' ? offer.scopes : offered;
      const kept = { offer, session, answer, shown };
      await keepAnswer(
        { prisma: database.prisma, lifetimes, defaultTenant },
        kept,
        byUser(session.user.id, originOf(ctx)),
      );
    }
    await finish(ctx, underWay, answer);
  });

  router.get('/:uid/done', async (ctx) => {
    const mobile = ctx.get('Sec-CH-UA-Mobile') === '?1';
    const { uid } = ctx.params;
    const finished = await deps.redirects.findAtPage(ctx, uid ?? '');
    if (finished) {
      const continueUrl = `${basePath}/authorize/${uid}`;
      await views.render(
        ctx,
        'interaction/done',
        await repeatedDonePage(provider, finished, { continueUrl, mobile }),
      );
      return;
    }
    const underWay = await underWayOf(provider, ctx);
    const page = await donePage(provider, underWay, { mobile });
    if (page) await views.render(ctx, 'interaction/done', page);
    else seeOther(ctx, `${basePath}/interaction/${underWay.uid}`);
  });

  return router;

  async function frameOf(ctx: Context, here: string, offer: Offer) {
    return {
      csrf: forms.token(ctx),
      action: here,
      notYouUrl: `${basePath}/sign-in?continue=${encodeURIComponent(here)}&reauth=1`,
      now: clock(),
      logo: await logoOf(offer),
    };
  }

  /** A logo is a claim like a name: that of a client whose identity nothing confirms is not even fetched. */
  async function logoOf({ client, identity }: Offer): Promise<string | undefined> {
    if (choseItsName(identity)) return undefined;
    const path = await findLogo(client.logoUri);
    return path && basePath + path;
  }

  async function readForm(ctx: Context): Promise<Form> {
    try {
      return await forms.read(ctx);
    } catch (error) {
      if (error instanceof FormForged) {
        const reason = `form_${error.reason}`;
        noteRefusal(ctx, { event: 'consent.rejected', outcome: 'refused', reason });
      }
      throw error;
    }
  }

  async function finish(ctx: Context, underWay: UnderWay, answer: Answer): Promise<void> {
    const returnTo = await provider
      .interactionResult(ctx.req, ctx.res, answer as never, { mergeWithLastSubmission: false })
      .catch((error: unknown) => {
        throw error instanceof errors.SessionNotFound ? ended(ctx) : error;
      });
    seeOther(ctx, leavesBrowser(underWay) ? `${basePath}/interaction/${underWay.uid}/done` : returnTo);
  }

  function refused(ctx: Context, status: number, reason: string, description: string): HttpError {
    noteRefusal(ctx, { event: 'consent.rejected', outcome: 'refused', reason });
    return new HttpError(status, status === 403 ? 'access_denied' : 'invalid_request', description);
  }
}

/** 303: a form must not be posted again to where it leads (RFC 9700 §4.12). No cache keeps the way. */
function seeOther(ctx: Context, location: string): void {
  ctx.set('Cache-Control', 'no-store');
  ctx.redirect(location);
  ctx.status = 303;
}
