import type { Client } from 'oidc-provider';

import { effectiveAuthority, type TrustLevel } from '../../domain/authority/index.ts';
import { checkRedirectUri, findClient, normalizeRedirectUri } from '../../domain/clients/index.ts';
import { type ConsentKey, permittedScopes, rememberedScopes } from '../../domain/grants/index.ts';
import { findResource, type Resource } from '../../domain/resources/index.ts';
import type { Database } from '../../platform/database/index.ts';

/** What one person is asked to allow, with everything the page must say about it. */
export interface Offer {
  readonly client: Client;
  readonly trust: TrustLevel;
  readonly registration: 'preregistered' | 'dynamic' | 'document';
  readonly firstSeen: Date | undefined;
  readonly resource: Resource;
  readonly redirectUri: string;
  /** What may be allowed: asked for, and permitted by everybody else who has a say. */
  readonly scopes: readonly string[];
  readonly oidcScopes: readonly string[];
  /** What this person allowed this client here before. */
  readonly remembered: readonly string[];
  readonly key: ConsentKey;
  /** Everything asked for was allowed before, to a client that may be remembered: one click is enough. */
  readonly mayContinue: boolean;
}

const NOTHING: readonly string[] = [];
const OIDC_SCOPES = new Set(['openid', 'offline_access']);

/**
 * Puts the offer together, from the stored request and from nothing that the browser sends now.
 * `undefined` when the client, its redirect or the resource ceased to be since the request came.
 */
export async function makeOffer(
  { pool, prisma }: Database,
  client: Client,
  request: {
    readonly userId: string;
    readonly resource: string;
    readonly scope: string;
    readonly redirectUri: string;
    readonly prompts: ReadonlySet<string>;
  },
): Promise<Offer | undefined> {
  const [resource, known] = await Promise.all([
    findResource(pool, request.resource),
    findClient(pool, client.clientId),
  ]);
  if (!resource || !client.redirectUriAllowed(request.redirectUri)) return undefined;

  const key = {
    userId: request.userId,
    clientId: client.clientId,
    resourceId: resource.id,
    redirectUri: normalizeRedirectUri(request.redirectUri),
  };
  const trust = known?.trust ?? 'untrusted';
  const [permitted, remembered] = await Promise.all([
    permittedScopes(prisma, { userId: request.userId, tenantId: resource.tenantId, resourceId: resource.id }),
    trust === 'untrusted' ? NOTHING : rememberedScopes(prisma, key),
  ]);
  const requested = request.scope.split(' ').filter(Boolean);
  const { scopes } = effectiveAuthority({
    requested: requested.filter((scope) => !OIDC_SCOPES.has(scope)),
    offered: resource.scopes.map(({ scope }) => scope),
    permitted,
    trust,
    consented: undefined,
  });
  const mayBeRemembered = trust === 'trusted' || trust === 'first_party';
  return {
    client,
    trust,
    registration: known?.registration ?? 'document',
    firstSeen: known?.createdAt,
    resource,
    redirectUri: request.redirectUri,
    scopes,
    oidcScopes: requested.filter((scope) => OIDC_SCOPES.has(scope)),
    remembered,
    key,
    mayContinue:
      mayBeRemembered &&
      !request.prompts.has('consent') &&
      scopes.length > 0 &&
      scopes.every((scope) => remembered.includes(scope)),
  };
}

/** How the page speaks of where the browser will go next. */
export function describeRedirect(redirectUri: string): {
  host: string;
  loopback: boolean;
  privateUse: boolean;
} {
  const checked = checkRedirectUri(redirectUri);
  const kind = checked.ok ? checked.kind : 'https';
  const url = new URL(redirectUri);
  return {
    host: kind === 'private-use' ? url.protocol : url.host,
    loopback: kind === 'loopback',
    privateUse: kind === 'private-use',
  };
}
