import Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { errors } from 'oidc-provider';

import type { Config } from '../config/config.ts';
import { type ClientMetadata, normalizeRegistration, registerClient } from '../domain/clients/index.ts';
import { newId, newSecret } from '../kernel/ids.ts';
import type { Database } from '../platform/database/index.ts';
import { HttpError, originOf, readJson } from '../platform/http/index.ts';
import { type Limiter, networkKey } from '../platform/throttle/index.ts';

import { noteRefusal } from './refusal.ts';

interface Deps {
  readonly provider: Provider;
  readonly database: Database;
  readonly mode: Config['dynamicRegistration'];
  /** Registrations per network. */
  readonly limiter: Limiter;
}

/** Bytes; the largest body that a real client sends is a tenth of it. */
const MAX_BODY = 16 * 1024;

/**
 * Dynamic client registration (RFC 7591).
 *
 * Takes what clients really send and answers with what they got: nothing null, nothing empty, the
 * redirect URIs byte for byte, and no secret that was not earned. Who registered itself is a
 * stranger until somebody says otherwise.
 */
export function registrationRoutes({ provider, database, mode, limiter }: Deps): Router {
  const router = new Router();
  if (mode === 'off') return router;

  router.post('/register', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    if (mode === 'initial-access-token') {
      noteRefusal(ctx, { event: 'client.rejected', outcome: 'refused', reason: 'initial_access_token' });
      throw new HttpError(401, 'invalid_token', 'registration needs an initial access token', {
        'WWW-Authenticate': 'Bearer',
      });
    }
    const origin = originOf(ctx);
    const { allowed, retryAfter } = await limiter.take(networkKey(origin.network ?? ''));
    if (!allowed) {
      noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: 'registration' });
      throw new HttpError(429, 'slow_down', 'too many registrations from your network', {
        'Retry-After': String(retryAfter),
      });
    }
    const normalized = normalizeRegistration(await readBody(ctx), { kind: 'dynamic' });
    if (!normalized.ok) {
      const { error, reason, code } = normalized;
      throw refused(ctx, { error, description: reason, reason: code ?? error });
    }
    const id = newId('cli');
    const secret = normalized.metadata.token_endpoint_auth_method.startsWith('client_secret')
      ? newSecret()
      : undefined;
    const unusable = whyUnusable(provider, { client_id: id, client_secret: secret, ...normalized.metadata });
    if (unusable) throw refused(ctx, { ...unusable, reason: unusable.error });
    await registerClient(
      database.prisma,
      { id, registration: 'dynamic', metadata: normalized.metadata, secret },
      origin,
    );

    ctx.status = 201;
    ctx.body = {
      client_id: id,
      client_id_issued_at: Math.floor(Date.now() / 1000),
      // RFC 7591 §3.2.1: present exactly when there is a secret; 0 never expires.
      ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
      ...normalized.metadata,
    };
  });

  return router;
}

/** @throws HttpError 415, 413 or 400, of which there is a record. */
async function readBody(ctx: Context): Promise<unknown> {
  try {
    return await readJson(ctx, MAX_BODY);
  } catch (error) {
    if (error instanceof HttpError) {
      noteRefusal(ctx, { event: 'client.rejected', outcome: 'refused', reason: 'body_malformed' });
    }
    throw error;
  }
}

/** RFC 7591 §3.2.2. */
function refused(
  ctx: Context,
  why: { readonly error: string; readonly description: string; readonly reason: string },
): HttpError {
  noteRefusal(ctx, {
    event: 'client.rejected',
    outcome: 'refused',
    reason: why.reason,
    detail: { why: why.description },
  });
  return new HttpError(400, why.error, why.description);
}

/** What the library would refuse when the client is first used is better refused now. */
function whyUnusable(
  provider: Provider,
  metadata: ClientMetadata & { readonly client_secret: string | undefined },
): { readonly error: string; readonly description: string } | undefined {
  const Client = provider.Client as unknown as new (metadata: object) => unknown;
  try {
    new Client(JSON.parse(JSON.stringify(metadata)));
    return undefined;
  } catch (error) {
    if (!(error instanceof errors.InvalidClientMetadata)) throw error;
    return { error: error.error, description: error.error_description ?? 'the metadata cannot be used' };
  }
}
