import Router from '@koa/router';
import type Provider from 'oidc-provider';

import type { Config } from '../config/config.ts';
import { type ClientMetadata, normalizeRegistration, registerClient } from '../domain/clients/index.ts';
import { newId, newSecret } from '../kernel/ids.ts';
import type { Database } from '../platform/database/index.ts';
import { HttpError, originOf, readJson } from '../platform/http/index.ts';
import type { Limiter } from '../platform/throttle/index.ts';

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
    const { allowed, retryAfter } = await limiter.take(origin.network ?? '');
    if (!allowed) {
      noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: 'registration' });
      throw new HttpError(429, 'slow_down', 'too many registrations from your network', {
        'Retry-After': String(retryAfter),
      });
    }
    const normalized = normalizeRegistration(await readJson(ctx, MAX_BODY), { kind: 'dynamic' });
    if (!normalized.ok) {
      noteRefusal(ctx, {
        event: 'client.rejected',
        outcome: 'refused',
        reason: normalized.code ?? normalized.error,
        detail: { why: normalized.reason },
      });
      throw new HttpError(400, normalized.error, normalized.reason);
    }
    const id = newId('cli');
    const secret = normalized.metadata.token_endpoint_auth_method.startsWith('client_secret')
      ? newSecret()
      : undefined;
    ensureUsable(provider, { client_id: id, client_secret: secret, ...normalized.metadata });
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

/** What the library would refuse when the client is first used is better refused now. */
function ensureUsable(
  provider: Provider,
  metadata: ClientMetadata & { readonly client_secret: string | undefined },
): void {
  const Client = provider.Client as unknown as new (metadata: object) => unknown;
  new Client(JSON.parse(JSON.stringify(metadata)));
}
