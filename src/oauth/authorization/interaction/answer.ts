import type { Lifetimes } from '../../../config/config.ts';
import { type AuditEntry, recordAudit } from '../../../domain/audit/index.ts';
import { keepDocument } from '../../../domain/clients/index.ts';
import { rememberConsent } from '../../../domain/grants/index.ts';
import type { Session } from '../../../domain/sessions/index.ts';
import type { Cause } from '../../../kernel/cause.ts';
import { epochSeconds } from '../../../kernel/clock.ts';
import type { Database } from '../../../platform/database/index.ts';
import { type Form, field, fields } from '../../../platform/http/index.ts';
import { documentOf } from '../../client-documents/document-client.ts';
import type { AnsweredBy, ConsentDecision } from '../load-grant.ts';
import { connectionLifetime, isStranger } from '../trust.ts';

import { type Offer, stepUpScopes } from './offer.ts';

/** What an interaction ends with. A `reason` goes into the record when the browser takes the answer along, unless it is recorded. */
export type Answer =
  | {
      readonly error: string;
      readonly error_description: string;
      readonly reason: string;
      readonly recorded?: boolean;
    }
  | { readonly login: null; readonly by: AnsweredBy; readonly consent?: ConsentDecision };

/** Signed in, and nothing to ask: whether that is so, the library asks `load-grant` again. */
export function signedIn(session: Session) {
  return {
    // The prompt is answered. Who is signed in is not taken from here but asked of our session again.
    login: null,
    by: { userId: session.user.id, authTime: epochSeconds(session.authTime) },
  } as const;
}

/** Why the page is shown again instead of an answer. */
export type Again = 'no_decision' | 'nothing_ticked' | 'nothing_new';

/**
 * Reads the answer of the form: allowed is exactly what was ticked, and only "Deny" denies.
 *
 * Allowing nothing shows the page again, and so does, once, allowing nothing of what a step-up asked for: the client
 * would fail and ask again.
 */
export function decisionOf(offer: Offer, session: Session, form: Form): Answer | { readonly again: Again } {
  const chosen = new Set(fields(form, 'scope'));
  const scopes = [...offer.scopes, ...offer.beyond].filter((scope) => chosen.has(scope));
  const decision = field(form, 'decision');
  if (decision === 'deny') {
    return {
      error: 'access_denied',
      error_description: 'the request was denied',
      reason: 'denied_by_user',
      recorded: true,
    };
  }
  if (decision !== 'allow') return { again: 'no_decision' };
  if (scopes.length === 0) return { again: 'nothing_ticked' };
  const stepUp = stepUpScopes(offer);
  const nothingNew = stepUp.length > 0 && !stepUp.some((scope) => chosen.has(scope));
  if (nothingNew && field(form, 'without_new') !== '1') return { again: 'nothing_new' };
  const { resource, key } = offer;
  return {
    ...signedIn(session),
    consent: {
      resource: resource.identifier,
      scopes,
      ...(key.clientVersion === undefined ? {} : { clientVersion: key.clientVersion }),
    },
  };
}

/** Records what a person decided, with what is remembered of it. */
export async function keepAnswer(
  {
    prisma,
    lifetimes,
    defaultTenant,
  }: Pick<Database, 'prisma'> & { readonly lifetimes: Lifetimes; readonly defaultTenant: string },
  {
    offer,
    session,
    answer,
    shown,
  }: {
    readonly offer: Offer;
    readonly session: Session;
    readonly answer: Answer;
    /** The scopes that the page showed. */
    readonly shown: readonly string[];
  },
  cause: Cause,
): Promise<void> {
  const entry = {
    tenant: offer.resource.tenantId,
    subject: session.user.id,
    client: offer.client.clientId,
    resource: offer.resource.identifier,
    scopes: offer.scopes,
  };
  if ('error' in answer) {
    const { reason } = answer;
    const denied: AuditEntry = { ...entry, event: 'consent.denied', outcome: 'refused', reason };
    await recordAudit(prisma, denied, cause);
    return;
  }
  if (!answer.consent) return;
  const { scopes } = answer.consent;
  const document = documentOf(offer.client);
  if (document) await keepDocument(prisma, document, defaultTenant, cause);
  await prisma.$transaction(async (tx) => {
    if (!isStranger(offer.trust)) {
      // What the page did not show is neither given nor taken away.
      const untouched = offer.remembered.filter((scope) => !shown.includes(scope));
      const key = { ...offer.key, tenantId: offer.resource.tenantId };
      const lifetime = connectionLifetime(lifetimes, offer.trust).absolute;
      await rememberConsent(tx, key, { scopes: [...scopes, ...untouched], lifetime });
    }
    const added = scopes.filter((scope) => !offer.scopes.includes(scope));
    const detail = added.length === 0 ? {} : { detail: { added } };
    await recordAudit(
      tx,
      { ...entry, event: 'consent.granted', outcome: 'success', scopes, ...detail },
      cause,
    );
  });
}
