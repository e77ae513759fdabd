import type Router from '@koa/router';
import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import {
  type Client,
  type ClientCredentials,
  changeRegistration,
  clientSecretMatches,
  findManagedClient,
  removeClient,
} from '../../domain/clients/index.ts';
import { revokeGrantsOf } from '../../domain/grants/index.ts';
import { byClient } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { Database } from '../../platform/database/index.ts';
import { originOf } from '../../platform/http/index.ts';

import { CLIENT_ID } from '../authorization/adapter/client.ts';
import { bearerOf, unauthorized } from './access.ts';
import { clientInformation } from './client-information.ts';
import type { RegistrationLimits } from './limits.ts';
import { readRegistration, refused, validateRegistration } from './metadata.ts';

interface Deps {
  readonly provider: Provider;
  readonly database: Database;
  readonly issuer: string;
  readonly limits: RegistrationLimits;
}

interface Managed extends ClientCredentials {
  readonly registrationAccessToken: string;
}

type OfClient = Context & { readonly params: Record<string, string> };

/**
 * Management of a dynamic registration by the client itself (RFC 7592): `/register/:id` with its
 * registration access token, which opens this one client and nothing else.
 *
 * A change replaces the whole registration, by the rules under which it was made. Neither the token nor
 * the secret is rotated, and the way of authenticating stays what it was: what was granted to a client with
 * a secret must not become usable without one. The end of a registration is the end of its grants.
 */
export function addManagement(router: Router, { provider, database, issuer, limits }: Deps): void {
  const answer = (ctx: Context, client: Client, { registrationAccessToken }: Managed) => {
    ctx.body = clientInformation(client, { registrationAccessToken }, issuer);
  };

  router.get('/register/:id', async (ctx) => {
    const managed = await authorized(ctx);
    answer(ctx, managed.client, managed);
  });

  router.put('/register/:id', async (ctx) => {
    await limits.take(ctx);
    const managed = await authorized(ctx);
    const { client } = managed;
    const body = await readRegistration(ctx, client.id);
    const metadata = validateRegistration(ctx, provider, asReplacement(ctx, managed, body), client.id);
    const changed = await changeRegistration(
      database.prisma,
      { client, metadata },
      byClient(client.id, originOf(ctx)),
    );
    if (!changed) throw noSuchAccess(ctx);
    answer(ctx, changed, managed);
  });

  router.delete('/register/:id', async (ctx) => {
    const { client } = await authorized(ctx);
    await removeClient(
      { prisma: database.prisma, revokeGrantsOf },
      client.id,
      byClient(client.id, originOf(ctx)),
    ).catch((error: unknown) => {
      throw error instanceof NotFound ? noSuchAccess(ctx) : error;
    });
    ctx.status = 204;
  });

  /** @throws HttpError 401: the same for a token that is wrong, of another client, and for a client that does not exist. */
  async function authorized(ctx: OfClient): Promise<Managed> {
    ctx.set('Cache-Control', 'no-store');
    const id = ctx.params['id'] ?? '';
    const registrationAccessToken = bearerOf(ctx);
    const found =
      registrationAccessToken === undefined || !CLIENT_ID.test(id)
        ? undefined
        : await findManagedClient(database.pool, id, registrationAccessToken);
    if (!found || registrationAccessToken === undefined) throw noSuchAccess(ctx);
    return { ...found, registrationAccessToken };
  }
}

function noSuchAccess(ctx: Context): Error {
  const presented = bearerOf(ctx) !== undefined;
  const named = /\/(cli_[\w-]{22})$/.exec(ctx.path)?.[1];
  return unauthorized(ctx, {
    reason: presented ? 'registration_access_unknown' : 'registration_access_missing',
    client: named,
    description: 'this needs the registration access token of a registered client',
  });
}

/**
 * What is sent to replace a registration, as a registration (RFC 7592 §2.2): it names its client, it does
 * not choose a secret, and the way of authenticating is not sent or the same as before.
 *
 * @throws HttpError 400
 */
function asReplacement(ctx: Context, { client, secretHash }: Managed, body: unknown): unknown {
  const refuse = (description: string) =>
    refused(ctx, {
      error: 'invalid_client_metadata',
      description,
      reason: 'invalid_client_metadata',
      client: client.id,
    });
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const {
    client_id,
    client_secret,
    token_endpoint_auth_method: method,
    ...rest
  } = body as Record<string, unknown>;
  if (client_id !== client.id) throw refuse('client_id must be the one that was given at registration');
  if (client_secret !== undefined && client_secret !== null) {
    const same = typeof client_secret === 'string' && clientSecretMatches(secretHash, client_secret);
    if (!same) throw refuse('client_secret cannot be chosen; leave it out, or send the one that was given');
  }
  if (method !== undefined && method !== null && method !== '' && method !== client.authMethod) {
    throw refuse(
      `token_endpoint_auth_method stays ${client.authMethod}; register a new client for another one`,
    );
  }
  return { ...rest, token_endpoint_auth_method: client.authMethod };
}
