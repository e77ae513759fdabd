import Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import type { Config } from '../../config/config.ts';
import {
  checkRegistrationToken,
  type DynamicOutcome,
  isRegistrationToken,
  type RegistrationQuota,
  registerDynamicClient,
} from '../../domain/clients/index.ts';
import { anonymously } from '../../kernel/cause.ts';
import type { Database } from '../../platform/database/index.ts';
import { HttpError, originOf } from '../../platform/http/index.ts';
import { bearerOf, unauthorized } from './access.ts';
import { clientInformation } from './client-information.ts';
import type { RegistrationLimits } from './limits.ts';
import { addManagement } from './management.ts';
import { readRegistration, validateRegistration } from './metadata.ts';

interface Deps {
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  readonly provider: Provider;
  readonly database: Database;
  readonly issuer: string;
  readonly mode: Config['dynamicRegistration'];
  readonly limits: RegistrationLimits;
  /** Absent where nothing is throttled. */
  readonly quota: RegistrationQuota | undefined;
}

/**
 * Dynamic client registration (RFC 7591) and its management (RFC 7592).
 *
 *     POST /register ─▶ how often ─▶ initial access token ─▶ validator ─▶ quota, client, record
 *     GET, PUT, DELETE /register/:id ─▶ registration access token ─▶ (PUT: the same validator)
 *
 * Takes what clients really send and answers with what they got: nothing null, nothing empty, the
 * redirect URIs byte for byte, and no secret that was not earned. Who registered itself is a
 * stranger until somebody says otherwise. Nothing that a registration names is fetched for it.
 */
export function registrationRoutes(deps: Deps): Router {
  const router = new Router();
  const { provider, database, issuer, mode, limits, quota } = deps;
  if (mode === 'off') {
    router.all(['/register', '/register/:id'], async () => {
      throw new HttpError(403, 'access_denied', OFF);
    });
    return router;
  }

  router.post('/register', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    await limits.take(ctx);
    const registrationToken = await permission(deps, ctx);
    const metadata = validateRegistration(ctx, provider, await readRegistration(ctx));
    const origin = originOf(ctx);
    const by = registrationToken
      ? { registrationToken }
      : { network: origin.network ?? '', quota, tenantId: deps.defaultTenant };
    const outcome = await registerDynamicClient(database.prisma, { metadata, by }, anonymously(origin));
    if (!outcome.ok) throw notKept(limits, ctx, outcome.reason);
    ctx.status = 201;
    ctx.body = clientInformation(outcome.client, outcome, issuer);
  });

  addManagement(router, deps);
  return router;
}

const OFF =
  'dynamic client registration is off at this server: ask its administrator for a client_id, or use a client that identifies itself by a metadata document';

/**
 * The id of the initial access token that permits this registration (RFC 7591 §3); `undefined` for a stranger
 * where everybody may register. There some clients send along whatever token they have for the MCP server: what
 * is none of ours is not looked at.
 *
 * @throws HttpError 401
 */
async function permission(
  { mode, database }: Pick<Deps, 'mode' | 'database'>,
  ctx: Context,
): Promise<string | undefined> {
  const token = bearerOf(ctx);
  if (mode === 'open' && !(token && isRegistrationToken(token))) return undefined;
  if (token === undefined) {
    throw unauthorized(ctx, {
      reason: 'registration_token_missing',
      description: 'registration needs an initial access token; ask whoever runs this server for one',
    });
  }
  const checked = await checkRegistrationToken(database.pool, token);
  if ('id' in checked) return checked.id;
  throw unauthorized(ctx, { reason: checked.refusal, description: OF_NO_USE });
}

const OF_NO_USE = 'the initial access token is of no use, or of no more use; ask for a new one';

function notKept(
  limits: RegistrationLimits,
  ctx: Context,
  reason: Extract<DynamicOutcome, { ok: false }>['reason'],
): Error {
  // Somebody else was faster with its last use.
  return reason === 'registration_token_used_up'
    ? unauthorized(ctx, { reason, description: OF_NO_USE })
    : limits.full(ctx, reason);
}
