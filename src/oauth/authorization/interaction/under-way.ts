import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { type Client, errors } from 'oidc-provider';

import type { DocumentMode } from '../../../domain/admission/index.ts';
import type { Session } from '../../../domain/sessions/index.ts';
import type { Database } from '../../../platform/database/index.ts';
import { HttpError } from '../../../platform/http/index.ts';
import { reasonOf } from '../../refusals/reasons.ts';
import { noteRefusal } from '../../refusals/refusal.ts';
import { wordsOf } from '../../refusals/words.ts';
import type { PromptDetails } from '../configuration/policy.ts';

import type { InteractionFacts } from './dispatch.ts';
import { makeOffer, type NoOffer, type Offer } from './offer.ts';

/** An authorization under way, as the library keeps it. */
export interface UnderWay {
  readonly uid: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Where the browser takes the answer along. */
  readonly returnTo: string;
  readonly prompt: { readonly name: string; readonly details: PromptDetails };
  /** What was answered and not yet taken along by the browser. */
  readonly result?: Readonly<Record<string, unknown>> | undefined;
}

type OfContext = Context & { readonly params: Record<string, string> };

/**
 * The interaction of this very browser: its cookie and the address must name the same one.
 *
 * @throws HttpError 400
 */
export async function underWayOf(provider: Provider, ctx: OfContext): Promise<UnderWay> {
  const found = await provider.interactionDetails(ctx.req, ctx.res).catch((error: unknown) => {
    if (error instanceof errors.SessionNotFound) return undefined;
    throw error;
  });
  if (!found || found.uid !== ctx.params['uid']) throw ended(ctx);
  return found as unknown as UnderWay;
}

/** Answered already, too old, or of another browser: outside they are the same. */
export function ended(ctx: Context): HttpError {
  noteRefusal(ctx, { event: 'authorization.rejected', outcome: 'refused', reason: 'interaction_ended' });
  return new HttpError(
    400,
    'invalid_request',
    'this authorization has ended or was started in another browser',
    {},
    wordsOf('interaction_ended'),
  );
}

/**
 * What this person can be asked.
 *
 * @throws HttpError 400 when client, redirect or resource ceased to be since the request came.
 */
export async function offerOf(
  {
    provider,
    database,
    documents,
  }: { readonly provider: Provider; readonly database: Database; readonly documents: DocumentMode },
  ctx: Context,
  { params }: UnderWay,
  session: Session,
): Promise<Offer | Exclude<NoOffer, { gone: string }>> {
  const clientId = String(params['client_id']);
  const gone = (reason: string) => {
    noteRefusal(ctx, {
      event: 'authorization.rejected',
      outcome: 'refused',
      reason,
      client: clientId,
      subject: session.user.id,
    });
    return new HttpError(
      400,
      'invalid_request',
      'the client or the server of this authorization is no longer available',
      {},
      wordsOf(reason, { client: clientId }),
    );
  };
  const client = await provider.Client.find(clientId).catch((error: unknown): Client | undefined => {
    if (error instanceof errors.OIDCProviderError && error.expose) throw gone(reasonOf(error));
    throw error;
  });
  if (!client) throw gone('unknown_client');
  const offer = await makeOffer({ ...database, documents }, client, {
    userId: session.user.id,
    resource: String(params['resource']),
    scope: String(params['scope'] ?? ''),
    redirectUri: String(params['redirect_uri']),
    prompts: promptsOf(params),
  });
  if ('gone' in offer) throw gone(offer.gone);
  return offer;
}

export function factsOf({ params, prompt }: UnderWay): InteractionFacts {
  const maxAge = params['max_age'] ?? params['plain_max_age'];
  const { authTimeThen } = prompt.details;
  return {
    authTimeThen: authTimeThen === undefined ? undefined : new Date(authTimeThen),
    prompts: promptsOf(params),
    maxAge: maxAge === undefined ? undefined : Number(maxAge),
  };
}

function promptsOf(params: UnderWay['params']): ReadonlySet<string> {
  return new Set(
    String(params['prompt'] ?? '')
      .split(' ')
      .filter(Boolean),
  );
}
