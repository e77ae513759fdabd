import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { errors } from 'oidc-provider';

import { type ClientMetadata, normalizeRegistration } from '../../domain/clients/index.ts';
import { HttpError, readJson } from '../../platform/http/index.ts';

import { noteRefusal } from '../refusals/refusal.ts';

/** Bytes; the largest body that a real client sends is a tenth of it. */
const MAX_BODY = 16 * 1024;

/** @throws HttpError 415, 413 or 400, of which there is a record. */
export async function readRegistration(ctx: Context, client?: string): Promise<unknown> {
  try {
    return await readJson(ctx, MAX_BODY);
  } catch (error) {
    if (error instanceof HttpError) {
      noteRefusal(ctx, { event: 'client.rejected', outcome: 'refused', reason: 'body_malformed', client });
    }
    throw error;
  }
}

/**
 * The one validator of what a client says about itself, when it registers and when it changes that.
 *
 * @throws HttpError 400 with the words of RFC 7591 §3.2.2, of which there is a record.
 */
export function validateRegistration(
  ctx: Context,
  provider: Provider,
  body: unknown,
  client?: string,
): ClientMetadata {
  const normalized = normalizeRegistration(body, { kind: 'dynamic' });
  if (!normalized.ok) {
    const { error, reason, code } = normalized;
    throw refused(ctx, { error, description: reason, reason: code ?? error, client });
  }
  const unusable = whyUnusable(provider, normalized.metadata);
  if (unusable) throw refused(ctx, { ...unusable, reason: unusable.error, client });
  return normalized.metadata;
}

/** RFC 7591 §3.2.2. */
export function refused(
  ctx: Context,
  why: {
    readonly error: string;
    readonly description: string;
    readonly reason: string;
    readonly client?: string | undefined;
  },
): HttpError {
  noteRefusal(ctx, {
    event: 'client.rejected',
    outcome: 'refused',
    reason: why.reason,
    client: why.client,
    detail: { why: why.description },
  });
  return new HttpError(400, why.error, why.description);
}

/** What the library would refuse when the client is first used is better refused now. */
export function whyUnusable(
  provider: Provider,
  metadata: ClientMetadata,
): { readonly error: string; readonly description: string } | undefined {
  const Client = provider.Client as unknown as new (metadata: object) => unknown;
  const confidential = metadata.token_endpoint_auth_method.startsWith('client_secret');
  try {
    new Client({
      ...JSON.parse(JSON.stringify(metadata)),
      client_id: 'cli_new',
      ...(confidential ? { client_secret: 'x' } : {}),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof errors.InvalidClientMetadata)) throw error;
    return { error: error.error, description: error.error_description ?? 'the metadata cannot be used' };
  }
}
