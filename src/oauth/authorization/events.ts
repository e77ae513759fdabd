import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuditEntry, AuditEvent } from '../../domain/audit/index.ts';
import { GRANT_TYPES } from '../../kernel/grant-types.ts';
import { plainText } from '../../kernel/plain-text.ts';
import { isStoreUnavailable } from '../../platform/database/index.ts';

import { type ProviderError, reasonOf } from '../refusals/reasons.ts';
import { noteGraverRefusal, noteRefusal } from '../refusals/refusal.ts';
import { noteSuccess } from './untrusted-redirect.ts';

interface FailureState {
  failure?: unknown;
}

/** What the library could not do because something of ours failed; `undefined` for a plain refusal. */
export function failureOf(ctx: { readonly state: object }): unknown {
  return (ctx.state as FailureState).failure;
}

const EVENTS: readonly (readonly [name: string, event: AuditEvent])[] = [
  ['authorization.error', 'authorization.rejected'],
  ['grant.error', 'token.rejected'],
  ['introspection.error', 'introspection.rejected'],
  ['revocation.error', 'revocation.rejected'],
];

/** What else was sent as a grant type may be anything. */
const KNOWN: ReadonlySet<unknown> = new Set(GRANT_TYPES);

/** What a person decided or must do first is a denial, not a malformed request. */
const DENIALS = new Set(['access_denied', 'login_required', 'consent_required', 'interaction_required']);

/**
 * Listens to what the library refuses. Each refusal is noted with its exact reason, for the record
 * that is written before the answer leaves; each failure of ours is kept for the error boundary.
 */
export function listen(provider: Provider): void {
  for (const [name, event] of EVENTS) {
    provider.on(name as 'grant.error', (ctx: KoaContextWithOIDC, error: Error) => {
      noteError(ctx, event, error as ProviderError);
    });
  }
  provider.on('authorization.success', noteSuccess);
  provider.on('server_error', (ctx: KoaContextWithOIDC, error: Error) => {
    (ctx.state as FailureState).failure = rootOf(error);
  });
}

function noteError(ctx: KoaContextWithOIDC, event: AuditEvent, error: ProviderError): void {
  // The library reports what it found first, and then that the redirect is not the client's. That weighs more.
  const note = error.error === 'invalid_redirect_uri' ? noteGraverRefusal : noteRefusal;
  // An answer of the interaction: it says its own reason, or was recorded when it was given.
  const { result } = ctx.oidc.entities.Interaction ?? {};
  const answered = result?.['error'] === error.error ? result : undefined;
  if (answered?.['recorded']) return;
  const reason = typeof answered?.['reason'] === 'string' ? answered['reason'] : reasonOf(error);
  note(ctx, {
    event: eventOf(event, error),
    outcome: 'refused',
    reason,
    client: clientOf(ctx),
    subject: ctx.oidc.session?.accountId,
    detail: detailOf(ctx, event, { reason, error }),
  });
}

function detailOf(
  ctx: KoaContextWithOIDC,
  event: AuditEvent,
  { reason, error }: { readonly reason: string; readonly error: ProviderError },
): AuditEntry['detail'] {
  const why = whyOf(ctx, { reason, error });
  const type = event === 'token.rejected' && ctx.oidc.params?.['grant_type'];
  const grantType = type && (KNOWN.has(type) ? type : 'other');
  if (!why && !grantType) return undefined;
  return { ...(why ? { why } : {}), ...(grantType ? { grant_type: grantType } : {}) };
}

/** What whoever runs the server has to tell the makers of the client, or to write into its registration. */
function whyOf(
  ctx: KoaContextWithOIDC,
  { reason, error }: { readonly reason: string; readonly error: ProviderError },
): string | undefined {
  if (reason === 'client_document') return error.error_detail ?? error.error_description;
  return reason === 'redirect_uri' ? placeOf(ctx.oidc.params?.['redirect_uri']) : undefined;
}

/** Characters of a redirect that nobody registered, in a record. */
const MAX_PLACE = 200;

/** Where a redirect leads, without what it may carry: user, query and fragment. */
function placeOf(redirectUri: unknown): string | undefined {
  const url = typeof redirectUri === 'string' ? URL.parse(redirectUri) : null;
  if (!url) return undefined;
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  return plainText(url.href, MAX_PLACE) || undefined;
}

function eventOf(event: AuditEvent, error: ProviderError): AuditEvent {
  if (error.error === 'invalid_client') {
    return event === 'authorization.rejected' ? event : 'client.authentication_failed';
  }
  return event === 'authorization.rejected' && DENIALS.has(error.error ?? '')
    ? 'authorization.denied'
    : event;
}

function clientOf(ctx: KoaContextWithOIDC): string | undefined {
  const claimed = ctx.oidc.params?.['client_id'];
  return ctx.oidc.client?.clientId ?? (typeof claimed === 'string' ? claimed : undefined);
}

/** The library wraps what a hook throws; what counts is whether the store was behind it. */
function rootOf(error: Error): unknown {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isStoreUnavailable(cause)) return cause;
  }
  return error;
}
