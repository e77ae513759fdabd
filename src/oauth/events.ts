import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuditEvent } from '../domain/audit/index.ts';
import { isStoreUnavailable } from '../platform/database/index.ts';

import { noteRefusal } from './refusal.ts';

/** An error of the library; `error_detail` is for us and never leaves. */
interface ProviderError extends Error {
  readonly error?: string;
  readonly error_description?: string;
  readonly error_detail?: string;
}

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
  provider.on('server_error', (ctx: KoaContextWithOIDC, error: Error) => {
    (ctx.state as FailureState).failure = rootOf(error);
  });
}

function noteError(ctx: KoaContextWithOIDC, event: AuditEvent, error: ProviderError): void {
  noteRefusal(ctx, {
    event: eventOf(event, error),
    outcome: 'refused',
    reason: reasonOf(error),
    client: clientOf(ctx),
    subject: ctx.oidc.session?.accountId,
  });
}

function eventOf(event: AuditEvent, error: ProviderError): AuditEvent {
  if (error.error === 'invalid_client') {
    return event === 'authorization.rejected' ? event : 'client.authentication_failed';
  }
  return event === 'authorization.rejected' && DENIALS.has(error.error ?? '')
    ? 'authorization.denied'
    : event;
}

/** The record's words for the refusals that people search for; for others the code and what the library says of it. */
function reasonOf({
  error,
  error_description: description = '',
  error_detail: detail = '',
}: ProviderError): string {
  if (detail === 'client not found') return 'unknown_client';
  if (/code_challenge_method/.test(description)) return 'pkce_plain';
  if (/PKCE|code_challenge/.test(description)) return 'pkce_missing';
  if (/provided twice/.test(description)) return 'duplicate_param';
  if (error === 'invalid_redirect_uri') return 'redirect_uri';
  if (error === 'unsupported_response_type') return 'response_type';
  if (error === 'unsupported_response_mode') return 'response_mode';
  if (error === 'request_not_supported' || error === 'request_uri_not_supported') return 'request_object';
  return [error, detail || description].filter(Boolean).join(': ');
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
