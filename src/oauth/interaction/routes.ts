import Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';

import type { Lifetimes } from '../../config/config.ts';
import { recordAudit } from '../../domain/audit/index.ts';
import { normalizeRegistration, registerClient } from '../../domain/clients/index.ts';
import { rememberConsent } from '../../domain/grants/index.ts';
import type { Session } from '../../domain/sessions/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { Database } from '../../platform/database/index.ts';
import { type Forms, field, fields, HttpError, originOf, type Views } from '../../platform/http/index.ts';

import type { ConsentDecision } from '../load-grant.ts';

import { nextStep } from './dispatch.ts';
import { makeOffer, type Offer } from './offer.ts';
import { consentPage, continuePage } from './page.ts';

interface Deps {
  readonly provider: Provider;
  readonly database: Database;
  readonly forms: Forms;
  readonly views: Views;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  readonly currentSession: (ctx: Context) => Promise<Session | undefined>;
}

/** An authorization under way, as the library keeps it. */
interface Interaction {
  readonly uid: string;
  readonly iat: number;
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * `/interaction/:uid`: what happens between the authorization request and its answer.
 *
 *     /authorize ─▶ GET /interaction/… ─▶ /sign-in ─▶ GET /interaction/… (consent) ─▶ POST ─▶ /authorize/…
 *
 * The page shows the stored request, and the form answers it: nothing that the browser sends can
 * change client, resource, redirect or person, and a scope that was not offered is not granted.
 */
export function interactionRoutes(deps: Deps): Router {
  const { provider, database, forms, views, clock, lifetimes, basePath, currentSession } = deps;
  const router = new Router({ prefix: '/interaction' });

  router.get('/:uid', async (ctx) => {
    const interaction = await interactionOf(ctx);
    const session = await currentSession(ctx);
    const here = `${basePath}/interaction/${interaction.uid}`;
    const step = nextStep(session, factsOf(interaction), clock().getTime() / 1000);
    if (!session || step !== 'consent') {
      const again = step === 'sign-in-again' ? '&reauth=1' : '';
      ctx.redirect(`${basePath}/sign-in?continue=${encodeURIComponent(here)}${again}`);
      ctx.status = 303;
      return;
    }
    const offer = await offerFor(interaction, session);
    if (offer.scopes.length === 0) {
      await finish(ctx, {
        error: 'access_denied',
        error_description: 'your role permits none of what was asked for',
      });
      return;
    }
    const frame = {
      csrf: forms.token(ctx),
      action: here,
      notYouUrl: `${basePath}/sign-in?continue=${encodeURIComponent(here)}&reauth=1`,
      now: clock(),
    };
    if (offer.mayContinue)
      await views.render(ctx, 'interaction/continue', continuePage(offer, session.user, frame));
    else await views.render(ctx, 'interaction/consent', consentPage(offer, session.user, lifetimes, frame));
  });

  router.post('/:uid', async (ctx) => {
    const form = await forms.read(ctx);
    const interaction = await interactionOf(ctx);
    const session = await currentSession(ctx);
    const step = nextStep(session, factsOf(interaction), clock().getTime() / 1000);
    if (!session || step !== 'consent') {
      throw new HttpError(403, 'access_denied', 'sign in first');
    }
    const offer = await offerFor(interaction, session);
    const chosen = new Set(offer.mayContinue ? offer.scopes : fields(form, 'scope'));
    const allowed = offer.scopes.filter((scope) => chosen.has(scope));
    if (field(form, 'decision') !== 'allow' || allowed.length === 0) {
      await recordAudit(
        database.prisma,
        { ...entryOf(offer, session), event: 'consent.denied' },
        originOf(ctx),
      );
      await finish(ctx, { error: 'access_denied', error_description: 'the request was denied' });
      return;
    }
    await keepDocument(offer, originOf(ctx));
    await database.prisma.$transaction(async (tx) => {
      if (offer.trust !== 'untrusted') {
        await rememberConsent(tx, { ...offer.key, tenantId: offer.resource.tenantId }, allowed);
      }
      await recordAudit(
        tx,
        { ...entryOf(offer, session), event: 'consent.granted', scopes: allowed },
        originOf(ctx),
      );
    });
    const consent: ConsentDecision = {
      userId: session.user.id,
      resource: offer.resource.identifier,
      scopes: allowed,
    };
    await finish(ctx, {
      login: {
        accountId: session.user.id,
        ts: Math.floor(session.authTime.getTime() / 1000),
        acr: session.acr,
        amr: [...session.amr],
      },
      consent: consent as never,
    });
  });

  return router;

  /** The interaction of this very browser: its cookie and the address must name the same one. */
  async function interactionOf(
    ctx: Context & { readonly params: Record<string, string> },
  ): Promise<Interaction> {
    const found = await provider.interactionDetails(ctx.req, ctx.res).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'SessionNotFound') return undefined;
      throw error;
    });
    if (!found || found.uid !== ctx.params['uid']) {
      throw new HttpError(
        400,
        'invalid_request',
        'this authorization has ended or was started in another browser',
      );
    }
    return found as unknown as Interaction;
  }

  async function offerFor({ params }: Interaction, session: Session): Promise<Offer> {
    const client = await provider.Client.find(String(params['client_id']));
    const offer =
      client &&
      (await makeOffer(database, client, {
        userId: session.user.id,
        resource: String(params['resource']),
        scope: String(params['scope'] ?? ''),
        redirectUri: String(params['redirect_uri']),
        prompts: promptsOf(params),
      }));
    if (!offer) {
      throw new HttpError(
        400,
        'invalid_request',
        'the client or the server of this authorization is no longer available',
      );
    }
    return offer;
  }

  /** What a document said when it was consented to stays on record; the grant refers to it. */
  async function keepDocument({ client, registration }: Offer, origin: Origin): Promise<void> {
    if (registration !== 'document') return;
    const normalized = normalizeRegistration(client.metadata(), { kind: 'document' });
    if (!normalized.ok) throw new HttpError(400, 'invalid_request', normalized.reason);
    const { metadata } = normalized;
    await registerClient(database.prisma, { id: client.clientId, registration, metadata }, origin);
  }

  async function finish(ctx: Context, result: Parameters<Provider['interactionResult']>[2]): Promise<void> {
    const returnTo = await provider.interactionResult(ctx.req, ctx.res, result, {
      mergeWithLastSubmission: false,
    });
    ctx.redirect(returnTo);
    // 303: the form must not be posted again to where it leads (RFC 9700 §4.12).
    ctx.status = 303;
  }
}

function promptsOf(params: Interaction['params']): ReadonlySet<string> {
  return new Set(
    String(params['prompt'] ?? '')
      .split(' ')
      .filter(Boolean),
  );
}

function factsOf({ iat, params }: Interaction) {
  const maxAge = params['max_age'] ?? params['plain_max_age'];
  return {
    startedAt: iat,
    prompts: promptsOf(params),
    maxAge: maxAge === undefined ? undefined : Number(maxAge),
  };
}

function entryOf(offer: Offer, session: Session) {
  return {
    outcome: 'success',
    tenant: offer.resource.tenantId,
    subject: session.user.id,
    client: offer.client.clientId,
    resource: offer.resource.identifier,
    scopes: offer.scopes,
  } as const;
}
