import { generateKeyPairSync } from 'node:crypto';
import type { Configuration, JWK, KoaContextWithOIDC } from 'oidc-provider';
import Provider, { errors } from 'oidc-provider';

import type { Config } from '../../config/config.ts';
import {
  ASSERTION_ALGORITHMS,
  AUTH_METHODS,
  clientSecretMatches,
  type Documents,
  redirectUriMatches,
} from '../../domain/clients/index.ts';
import type { Sealer } from '../../platform/crypto/box.ts';
import type { Database } from '../../platform/database/index.ts';
import type { CopyOutcome, GuardedFetch } from '../../platform/fetch/index.ts';
import type { Cookies, Views } from '../../platform/http/index.ts';
import { createKeySets } from '../client-documents/client-keys/key-sets.ts';
import { provideKeys } from '../client-documents/client-keys/provide-keys.ts';
import { DOCUMENT_MEMBER } from '../client-documents/document-client.ts';
import { type DocumentLimiters, openDocuments } from '../client-documents/documents.ts';
import { createDocumentGate } from '../client-documents/gate.ts';
import { renderProviderError } from '../refusals/errors.ts';
import { whyUnusable } from '../registration/metadata.ts';
import { ASSERTION_SKEW, checkAssertion } from '../token/client-assertion.ts';
import { authorizationCodeGrant, CODE_PARAMETERS } from '../token/grants/authorization-code.ts';
import type { GrantDeps } from '../token/grants/deps.ts';
import { REFRESH_PARAMETERS, refreshTokenGrant } from '../token/grants/refresh-token.ts';
import { presentedOf } from './adapter/client.ts';
import { createAdapters } from './adapter/index.ts';
import { secretHashesOf } from './adapter/secret-hashes.ts';
import { createInteractionPolicy } from './configuration/policy.ts';
import { resourceIndicators } from './configuration/resources.ts';
import { type CurrentSession, deriveSessions } from './configuration/session.ts';
import { listen } from './events.ts';
import { createLoadGrant } from './load-grant.ts';
import { checkAuthorizationRequest } from './request.ts';

/** Parameters of a token request that RFC 8707 §2.2 allows to be repeated. */
const MAY_REPEAT = ['resource'];

export interface ProviderDeps {
  readonly config: Config;
  readonly database: Database;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  readonly sealer: Sealer;
  readonly cookies: Cookies;
  readonly cookieKey: Buffer;
  readonly views: Views;
  readonly currentSession: CurrentSession;
  readonly grants: GrantDeps;
  /** For what anybody can have us look for: metadata documents, logos. */
  readonly guardedFetch: GuardedFetch;
  /** For the keys of clients, with places of its own: who keeps those of the other busy keeps no client out. */
  readonly keyFetch: GuardedFetch;
  /** Is told how each of them was had. */
  readonly documentAsked: (outcome: CopyOutcome) => void;
  /** Limits of lookups of metadata documents without a copy. */
  readonly documentLimiters: DocumentLimiters;
  /** Called with a client whose document was just fetched, and its logo. */
  readonly prefetchLogo: (clientId: string, url: string | undefined) => void;
}

/**
 * The engine: oidc-provider reads and checks authorization requests, authenticates clients and walks
 * the interaction. What we own is taken out of its hands: sessions, grants, codes, tokens, rotation,
 * registration, metadata, introspection and revocation.
 */
export function createProvider(deps: ProviderDeps): Provider {
  const { config, grants } = deps;
  const metadataDocuments = openDocuments({
    pool: deps.database.pool,
    fetch: deps.guardedFetch,
    timeout: config.fetchTimeout * 1000,
    limiters: deps.documentLimiters,
    signedIn: async () => {
      const { ctx } = Provider;
      return ctx !== undefined && (await deps.currentSession(ctx)) !== undefined;
    },
    whyUnusable: (metadata) => whyUnusable(provider, metadata)?.description,
    fetched: (url, { logo_uri }) => deps.prefetchLogo(url, logo_uri),
    asked: deps.documentAsked,
  });
  const provider = new Provider(config.issuer, configurationOf(deps, metadataDocuments));
  provider.proxy = true;

  // RFC 8252 §7.3: the port of a loopback redirect varies, whatever `application_type` says.
  provider.Client.prototype.redirectUriAllowed = function redirectUriAllowed(requested: string) {
    return (this.redirectUris ?? []).some((registered) => redirectUriMatches(registered, requested));
  };
  // What we hold of a secret is its hash, and for a while that of the one before.
  provider.Client.prototype.compareClientSecret = async function compareClientSecret(presented: string) {
    const matches = secretHashesOf(this.clientSecret).map((hash) => clientSecretMatches(hash, presented));
    return matches.includes(true);
  };
  // RFC 7523 §3: who we are to a client that signs for us. The library would build it from the request's headers.
  provider.OIDCContext.prototype.clientJwtAuthExpectedAudience = function clientJwtAuthExpectedAudience() {
    return new Set([config.issuer, `${config.issuer}/token`, `${config.issuer}${Provider.ctx?.path ?? ''}`]);
  };
  // RFC 6749 §5.2: at the token endpoint it has an error code of its own.
  provider.Client.prototype.grantTypeAllowed = function grantTypeAllowed(type: string) {
    const allowed = (this.grantTypes ?? []).includes(type);
    if (!allowed && Provider.ctx?.oidc.route === 'token')
      throw new errors.UnauthorizedClient('this grant type is not of this client');
    return allowed;
  };
  provideKeys(
    provider,
    createKeySets({
      pool: deps.database.pool,
      fetch: deps.keyFetch,
      timeout: config.fetchTimeout * 1000,
      asked: deps.documentAsked,
    }),
  );
  deriveSessions(provider, deps.currentSession);
  provider.registerGrantType(
    'authorization_code',
    authorizationCodeGrant(grants),
    CODE_PARAMETERS,
    MAY_REPEAT,
  );
  provider.registerGrantType('refresh_token', refreshTokenGrant(grants), REFRESH_PARAMETERS, MAY_REPEAT);
  listen(provider);
  return provider;
}

function configurationOf(deps: ProviderDeps, metadataDocuments: Documents): Configuration {
  const { config, database, sealer, cookies, cookieKey, views } = deps;
  const { pathname } = new URL(config.issuer);
  const basePath = pathname === '/' ? '' : pathname;
  const secure = config.issuer.startsWith('https:');
  const errorDeps = {
    views,
    pool: database.pool,
    basePath,
    registrationEndpoint: config.dynamicRegistration === 'open' ? `${config.issuer}/register` : undefined,
    onLoopback: config.issuerIsLoopback,
  };

  return {
    adapter: createAdapters({
      pool: database.pool,
      sealer,
      codeLifetime: config.lifetimes.code,
      documents: config.metadataDocuments,
      gate: createDocumentGate({
        database,
        currentSession: deps.currentSession,
        documents: config.metadataDocuments,
        defaultResource: config.defaultResource,
        defaultTenant: deps.defaultTenant,
        presentedGrant: (ctx) => presentedOf(ctx)?.grant,
      }),
      metadataDocuments,
    }),
    extraClientMetadata: { properties: [DOCUMENT_MEMBER] },
    jwks: { keys: [unusedKey()] },
    routes: { authorization: '/authorize', token: '/token' },
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'] },
    pkce: { required: () => true },
    clientAuthMethods: [...AUTH_METHODS],
    enabledJWA: { clientAuthSigningAlgValues: [...ASSERTION_ALGORITHMS] },
    assertJwtClientAuthClaimsAndHeader: checkAssertion,
    clockTolerance: ASSERTION_SKEW,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    // One source of parameters: a form posted to /authorize is not read at all (OAuth 2.1 §4.1.1).
    enableHttpPostMethods: false,
    extraParams: { plain_max_age: checkAuthorizationRequest },
    issueRefreshToken: async () => true,
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: resourceIndicators({
        database,
        currentSession: deps.currentSession,
        defaultResource: config.defaultResource,
        defaultTenant: deps.defaultTenant,
        accessTokenLifetime: config.lifetimes.accessToken,
      }),
      // Its own way to metadata documents and ours would be two: `adapter/client.ts` has them.
      clientIdMetadataDocument: { enabled: false },
    },
    // Whatever is fetched here goes through the guard, and nothing of it through the library.
    fetch: () => Promise.reject(new Error('the library has nothing to fetch')),
    interactions: {
      policy: createInteractionPolicy(deps.currentSession),
      url: (_ctx, interaction) => `${basePath}/interaction/${interaction.uid}`,
    },
    cookies: {
      keys: [cookieKey.toString('base64url')],
      names: {
        session: cookies.name('provider', '/never'),
        interaction: cookies.name('interaction', '/interaction'),
        resume: cookies.name('resume', '/authorize'),
      },
      short: { httpOnly: true, sameSite: 'lax', signed: true, secure },
    },
    ttl: { Interaction: config.lifetimes.interaction, AuthorizationCode: config.lifetimes.code },
    findAccount: async (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    loadExistingGrant: createLoadGrant({
      database,
      currentSession: deps.currentSession,
      documents: config.metadataDocuments,
      defaultTenant: deps.defaultTenant,
      lifetimes: config.lifetimes,
    }),
    renderError: (ctx, out, error) => renderProviderError(errorDeps, ctx as KoaContextWithOIDC, out, error),
  } as Configuration;
}

/** The library insists on a signing key. It signs nothing with it: tokens are signed by `domain/keys`. */
function unusedKey(): JWK {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'jwk' }) as JWK;
}
