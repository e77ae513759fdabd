/**
 * OAuth: the authorization server, and the only folder that knows oidc-provider. One folder per part of the protocol:
 *
 *     /.well-known/…, /jwks     metadata/          prepared buffers
 *     /register, /register/:id  registration/      RFC 7591, RFC 7592
 *     /authorize                authorization/     endpoint.ts, around oidc-provider, which checks the request
 *     /interaction/:uid         authorization/interaction/   what the person is asked; dispatch.ts picks the step
 *     /client-request           client-request/    a person asks for a client that waits for an administrator
 *     /token                    token/             one transaction per request
 *     /introspect               introspection/     RFC 7662
 *     /revoke                   revocation/        RFC 7009
 *     /logos/:hash.png          client-documents/  metadata documents, key sets and logos of clients, served by us
 *
 * `endpoints/` is what they share on the way in (CORS, methods, turns), `refusals/` what they share on the way out.
 *
 * Holds no rules of its own: what may be granted is `domain/authority`, what is alive is `domain/grants`.
 */

import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import compose from 'koa-compose';
import mount from 'koa-mount';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AnonymousRecorder, AuditEntry } from '../domain/audit/index.ts';
import { findClient } from '../domain/clients/index.ts';
import { listResources } from '../domain/resources/index.ts';
import type { Session } from '../domain/sessions/index.ts';
import { anonymously, byClient, byUser, type Cause } from '../kernel/cause.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../platform/database/index.ts';
import { type Document, type Forms, originOf, type Purpose } from '../platform/http/index.ts';
import type { Limiter, PrefixLimiter } from '../platform/throttle/index.ts';

import { CLIENT_ID } from './authorization/adapter/client.ts';
import { boundAuthorizations } from './authorization/bounded-authorizations.ts';
import { authorizationEndpoint } from './authorization/endpoint.ts';
import { failureOf } from './authorization/events.ts';
import { describePurpose } from './authorization/interaction/purpose.ts';
import { createRepeatableRedirects } from './authorization/interaction/repeatable-redirect.ts';
import { interactionRoutes } from './authorization/interaction/routes.ts';
import { createProvider, type ProviderDeps } from './authorization/provider.ts';
import { guardErrorRedirects } from './authorization/untrusted-redirect.ts';
import { openLogos } from './client-documents/logos.ts';
import { type ClientRequested, clientRequestRoutes } from './client-request/routes.ts';
import { methods } from './endpoints/methods.ts';
import { takeTurns } from './endpoints/turns.ts';
import { introspectionRoutes } from './introspection/introspection.ts';
import { blanketScopes, serverMetadata } from './metadata/document.ts';
import { metadataRoutes } from './metadata/routes.ts';
import { refusalOf } from './refusals/refusal.ts';
import { boundRefusedRequests } from './refusals/refused-requests.ts';
import { registrationLimits } from './registration/limits.ts';
import { registrationRoutes } from './registration/registration.ts';
import { revocationRoutes } from './revocation/revocation.ts';
import { basicCredentials } from './token/basic-credentials.ts';
import type { VerifyOwnToken } from './token/own-token.ts';

export { carryFlow } from './authorization/flow.ts';
export type { DocumentLimiters } from './client-documents/documents.ts';
export { cors, READABLE_BY_ALL } from './endpoints/cors.ts';

export interface OAuthDeps extends Omit<ProviderDeps, 'prefetchLogo'> {
  readonly clock: Clock;
  /** Records refusals of callers that are not known. */
  readonly anonymous: Pick<AnonymousRecorder, 'record'>;
  readonly forms: Forms;
  readonly currentSession: (ctx: Context) => Promise<Session | undefined>;
  readonly keys: {
    readonly jwks: () => Promise<{ readonly keys: readonly { readonly alg: string }[] }>;
    readonly verify: VerifyOwnToken;
  };
  /** Authorization requests, per network. */
  readonly authorizationLimiter: PrefixLimiter;
  /** What is written at the registration endpoint. */
  readonly registrationLimiters: { readonly perNetwork: PrefixLimiter; readonly inAll: Limiter };
  /** Refused requests at the endpoints for programs, per network. */
  readonly refusalLimiter: PrefixLimiter;
  /** Whether metadata documents can be fetched at the moment. */
  readonly documentsReachable: () => boolean;
  /** Is told when a person asks for a client. */
  readonly clientRequested: (request: ClientRequested) => void;
}

export interface OAuth {
  /** Discovery and keys: addressed from the root of the host, outside the issuer's path. */
  readonly metadata: Middleware;
  /** The same by path, for plain requests. */
  readonly documents: ReadonlyMap<string, Document>;
  /** Every other endpoint, mounted under the issuer's path. */
  readonly endpoints: Middleware;
  /** Who asks, and for which server, when a sign-in leads back to an authorization. */
  readonly purposeOf: (continueTo: string) => Promise<Purpose | undefined>;
}

export function createOAuth(deps: OAuthDeps): OAuth {
  const { config, database, defaultTenant, forms, views, keys, currentSession } = deps;
  const { pool } = database;
  const { issuer, lifetimes } = config;
  const { pathname } = new URL(issuer);
  const basePath = pathname === '/' ? '' : pathname;
  const logos = openLogos({
    pool,
    fetch: deps.guardedFetch,
    timeout: config.fetchTimeout * 1000,
    documents: config.metadataDocuments,
    defaultTenant,
  });
  const provider = createProvider({ ...deps, prefetchLogo: logos.prefetch });
  const redirects = createRepeatableRedirects({
    provider,
    pool,
    sealer: deps.sealer,
    cookies: deps.cookies,
    basePath,
  });
  const own = { provider, pool, issuer, documents: config.metadataDocuments, verify: keys.verify };

  const routers: readonly Router[] = [
    interactionRoutes({
      provider,
      database,
      defaultTenant,
      documents: config.metadataDocuments,
      forms,
      views,
      clock: deps.clock,
      lifetimes,
      basePath,
      currentSession,
      findLogo: logos.find,
      redirects,
    }),
    logos.routes,
    clientRequestRoutes({
      database,
      defaultTenant,
      documents: config.metadataDocuments,
      bounds: config.clientRequests,
      forms,
      views,
      basePath,
      currentSession,
      clientRequested: deps.clientRequested,
    }),
    registrationRoutes({
      provider,
      defaultTenant,
      database,
      issuer,
      mode: config.dynamicRegistration,
      limits: registrationLimits(deps.registrationLimiters),
      quota: config.throttle.enabled ? config.unusedClients.quota : undefined,
    }),
    introspectionRoutes({ ...own, lifetimes }),
    revocationRoutes(own),
  ];

  const metadata = metadataRoutes({
    issuer,
    jwksLifetime: config.keys.jwksLifetime,
    jwks: keys.jwks,
    metadata: async () =>
      serverMetadata(
        config,
        blanketScopes(await listResources(pool), defaultTenant),
        (await keys.jwks()).keys,
        {
          documentsReachable: deps.documentsReachable(),
        },
      ),
  });

  const turns = takeTurns();

  return {
    purposeOf: describePurpose({ provider, pool, documents: config.metadataDocuments, defaultTenant }),
    metadata: metadata.middleware,
    documents: metadata.documents,
    endpoints: compose([
      turns.whole,
      methods(),
      recordRefusals(deps),
      boundRefusedRequests({ limiter: deps.refusalLimiter }),
      basicCredentials({ issuer }),
      boundAuthorizations({
        limiter: deps.authorizationLimiter,
        pool,
        max: config.maxInteractions,
        basePath,
      }),
      turns.begin,
      ...routers.map((router) => router.routes() as Middleware),
      authorizationEndpoint(mount(provider), {
        anonymous: deps.anonymous,
        guardErrorRedirect: guardErrorRedirects({
          pool,
          documents: config.metadataDocuments,
          defaultTenant,
          views,
        }),
        redirects,
      }),
      only('/token', mount(provider)),
    ]),
  };
}

/** Records a refused request once, before its answer leaves, and throws what failed on our side. */
function recordRefusals({ database, anonymous }: Pick<OAuthDeps, 'database' | 'anonymous'>): Middleware {
  return async (ctx, next) => {
    let thrown: unknown;
    try {
      await next();
    } catch (error) {
      thrown = error;
    }
    thrown ??= failureOf(ctx);
    const refusal = refusalOf(ctx);
    if (refusal) {
      await anonymous.record(refusal, causeOf(ctx, refusal), {
        distinct: refusal.grant,
        complete: (entry) => withTenant(database, entry),
      });
    }
    if (thrown) throw thrown;
  };
}

/**
 * Returns who was refused: of a request about a grant the client, if it authenticated itself; else the user who is signed
 * in. The subject of a grant is not who asks.
 */
function causeOf(ctx: Context, { grant, subject }: AuditEntry): Cause {
  const origin = originOf(ctx);
  if (grant === undefined) return subject === undefined ? anonymously(origin) : byUser(subject, origin);
  const caller = (ctx as Partial<KoaContextWithOIDC>).oidc?.client;
  return caller && caller.clientAuthMethod !== 'none'
    ? byClient(caller.clientId, origin)
    : anonymously(origin);
}

/** A refusal belongs to the tenant of the client that it concerns, where there is such a client. */
async function withTenant({ pool }: Database, refusal: AuditEntry): Promise<AuditEntry> {
  const { client, tenant } = refusal;
  if (tenant !== undefined || client === undefined || !CLIENT_ID.test(client)) return refusal;
  return { ...refusal, tenant: (await findClient(pool, client))?.tenantId };
}

/** The library answers at this path; it would answer at others, which are for the doors, or nobody. */
function only(path: string, middleware: Middleware): Middleware {
  return async (ctx, next) => (ctx.path === path ? middleware(ctx, next) : next());
}
