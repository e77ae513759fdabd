import type { Grant, KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Lifetimes } from '../../config/config.ts';
import { type DocumentMode, findStanding } from '../../domain/admission/index.ts';
import { authorityAt, effectiveAuthority, type TrustLevel } from '../../domain/authority/index.ts';
import { findClient, keepDocument, normalizeRedirectUri } from '../../domain/clients/index.ts';
import { permittedScopes, rememberedScopes } from '../../domain/grants/index.ts';
import type { Resource } from '../../domain/resources/index.ts';
import { byUser } from '../../kernel/cause.ts';
import { newId } from '../../kernel/ids.ts';
import type { Database } from '../../platform/database/index.ts';
import { originOf } from '../../platform/http/index.ts';
import { changesSinceConsent, clientVersionOf, documentOf } from '../client-documents/document-client.ts';
import { resourceOf } from './configuration/resources.ts';
import type { CurrentSession } from './configuration/session.ts';
import { setPendingGrant } from './pending-grant.ts';
import { allowedBefore, connectionLifetime, maySkipPage } from './trust.ts';

/** Whose session an interaction was answered in; kept in its result until the library resumes. */
export interface AnsweredBy {
  readonly userId: string;
  /** NumericDate. */
  readonly authTime: number;
}

/** What the consent page decided; kept beside it. */
export interface ConsentDecision {
  readonly resource: string;
  /** Of a client that speaks for itself: its version that the page showed. */
  readonly clientVersion?: string | undefined;
  /** Asked for, or added by the person on the page. */
  readonly scopes: readonly string[];
}

/**
 * The library's question whether this authorization was consented to. Each completed authorization
 * makes a grant of its own, so nothing existing is ever answered: either a decision made for this
 * very request, or one that may be repeated without asking.
 *
 * The grant is written when its code is saved; until then it is remembered with the request.
 */
export function createLoadGrant({
  database: { pool, prisma },
  currentSession,
  documents,
  defaultTenant,
  lifetimes,
}: {
  readonly database: Database;
  readonly currentSession: CurrentSession;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  readonly lifetimes: Lifetimes;
}) {
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, session, params, result } = ctx.oidc;
    const resource = resourceOf(ctx);
    const userId = session?.accountId;
    const redirectUri = params?.['redirect_uri'];
    if (!client || !userId || !resource || typeof redirectUri !== 'string') return undefined;
    // On the way back from consent the library does not look again whether the redirect is still the client's.
    if (!client.redirectUriAllowed(redirectUri)) throw new errors.InvalidRedirectUri();

    const asked = String(params?.['scope'] ?? '')
      .split(' ')
      .filter(Boolean);
    const document = documentOf(client);
    const known = await findClient(pool, client.clientId);
    const standing = await findStanding(pool, {
      clientId: client.clientId,
      tenantId: resource.tenantId,
      documents,
    });
    const trust = standing?.trust ?? 'blocked';
    const clientVersion = clientVersionOf(client, known);
    const permitted = await permittedScopes(prisma, {
      userId,
      tenantId: resource.tenantId,
      resourceId: resource.id,
    });
    const by = result?.['by'] as AnsweredBy | undefined;
    const decided = result?.['consent'] as ConsentDecision | undefined;
    const sessionId = (await currentSession(ctx))?.id;
    // Signed out, or in as somebody else, meanwhile: whoever is here now is asked.
    if (sessionId === undefined) return undefined;
    if (by && (by.userId !== userId || (session.loginTs ?? 0) < by.authTime)) return undefined;

    const normalizedRedirectUri = normalizeRedirectUri(redirectUri);
    let consented: readonly string[];
    let requested = asked;
    if (decided) {
      if (decided.resource !== resource.identifier) return undefined;
      // The client changed while they decided: what they saw is not what would get it.
      if (decided.clientVersion !== clientVersion) return undefined;
      consented = decided.scopes;
      // RFC 6749 §3.3: the person may add to what the client asked for; the token response says what was granted.
      requested = [...new Set([...asked, ...consented])];
      if (params) params['scope'] = requested.join(' ');
    } else {
      const key = {
        userId,
        clientId: client.clientId,
        resourceId: resource.id,
        redirectUri: normalizedRedirectUri,
        clientVersion,
      };
      if (!maySkipPage({ trust, redirectUri, prompts: ctx.oidc.prompts })) return undefined;
      if ((await changesSinceConsent({ pool }, client, { known, userId })).length > 0) return undefined;
      consented = allowedBefore(trust, asked, await rememberedScopes(prisma, key));
    }
    const { scopes, dropped } = effectiveAuthority({
      ...authorityAt(resource),
      requested: requested.filter((scope) => !OIDC_SCOPES.has(scope)),
      permitted,
      trust,
      consent: { state: 'given', scopes: consented },
    });
    const uncovered = dropped.some(({ reason }) => reason === 'not_consented');
    if (scopes.length === 0 || (!decided && uncovered)) return undefined;
    // A grant rests on a snapshot; where no page was answered, nobody has kept one yet.
    if (document && !decided)
      await keepDocument(prisma, document, defaultTenant, byUser(userId, originOf(ctx)));
    return pending(ctx, {
      userId,
      resource,
      scopes,
      oidcScopes: asked.filter((s) => OIDC_SCOPES.has(s)),
      trust,
      clientVersion,
      normalizedRedirectUri,
      sessionId,
    });
  };

  function pending(
    ctx: KoaContextWithOIDC,
    made: {
      readonly userId: string;
      readonly resource: Resource;
      readonly scopes: readonly string[];
      readonly oidcScopes: readonly string[];
      readonly trust: TrustLevel;
      readonly clientVersion: string | undefined;
      readonly normalizedRedirectUri: string;
      readonly sessionId: string;
    },
  ): Grant {
    const { provider, client, session } = ctx.oidc;
    const id = newId('grt');
    const clientId = client?.clientId ?? '';
    const grant = new provider.Grant({ jti: id, accountId: made.userId, clientId } as never);
    grant.addResourceScope(made.resource.identifier, made.scopes.join(' '));
    if (made.oidcScopes.length > 0) grant.addOIDCScope(made.oidcScopes.join(' '));
    setPendingGrant(ctx, {
      id,
      tenantId: made.resource.tenantId,
      userId: made.userId,
      clientId,
      clientVersion: made.clientVersion,
      resource: made.resource.identifier,
      scopes: made.scopes,
      oidcScopes: made.oidcScopes,
      normalizedRedirectUri: made.normalizedRedirectUri,
      sessionId: made.sessionId,
      authTime: new Date((session?.loginTs ?? 0) * 1000),
      acr: session?.acr ?? '',
      amr: session?.amr ?? [],
      lifetime: connectionLifetime(lifetimes, made.trust).absolute,
    });
    return grant;
  }
}

const OIDC_SCOPES: ReadonlySet<string> = new Set(['openid', 'offline_access']);
