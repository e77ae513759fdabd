import type { Client } from 'oidc-provider';

import {
  type ClientIdentity,
  clientIdentity,
  type DocumentMode,
  type DocumentRefusal,
  findStanding,
} from '../../../domain/admission/index.ts';
import {
  authorityAt,
  type DropReason,
  type EffectiveAuthority,
  effectiveAuthority,
  scopesBeyond,
  type TrustLevel,
} from '../../../domain/authority/index.ts';
import { type DocumentChange, findClient, normalizeRedirectUri } from '../../../domain/clients/index.ts';
import {
  type ConsentKey,
  heldScopes,
  permittedScopes,
  rememberedScopes,
} from '../../../domain/grants/index.ts';
import { findResource, type Resource } from '../../../domain/resources/index.ts';
import type { Database } from '../../../platform/database/index.ts';
import { changesSinceConsent, clientVersionOf, documentOf } from '../../client-documents/document-client.ts';
import { isOpenToClient, isOpenToUser, UNKNOWN_RESOURCE } from '../configuration/resources.ts';
import { allowedBefore, isStranger, mayRemember, maySkipPage } from '../trust.ts';

/** What one person is asked to allow, with everything the page must say about it. */
export interface Offer {
  readonly client: Client;
  readonly trust: TrustLevel;
  /** What vouches for who the client is. */
  readonly identity: ClientIdentity;
  readonly registration: 'preregistered' | 'dynamic' | 'document';
  readonly firstSeen: Date | undefined;
  /** What it says about itself otherwise than when it was last allowed something. */
  readonly changes: readonly DocumentChange[];
  readonly resource: Resource;
  readonly redirectUri: string;
  /** What may be allowed: asked for, and permitted by everybody else who has a say. Never empty. */
  readonly scopes: readonly string[];
  /** What was not asked for and may be allowed all the same. */
  readonly beyond: readonly string[];
  /** What this person allowed this client here before. */
  readonly remembered: readonly string[];
  /** What the person's living connections with this client here have now. */
  readonly held: readonly string[];
  readonly key: ConsentKey;
  /** Everything asked for was allowed before, to a client that may be remembered: one click is enough. */
  readonly mayContinue: boolean;
  /** Not even that one click is needed. */
  readonly maySkip: boolean;
}

/** Why there is nothing to offer. */
export type NoOffer =
  /** What the request named ceased to be since it came: nobody to answer to, or nothing to answer about. */
  | { readonly gone: 'unknown_client' | 'redirect_uri' | DocumentRefusal }
  /** An answer for the client. `reason` is for the record. */
  | { readonly error: string; readonly error_description: string; readonly reason: string };

const NOTHING: readonly string[] = [];
const OIDC_SCOPES = new Set(['openid', 'offline_access']);

export interface OfferDeps extends Pick<Database, 'pool' | 'prisma'> {
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
}

/** Puts the offer together, from the stored request and from nothing that the browser sends now. */
export async function makeOffer(
  { pool, prisma, documents }: OfferDeps,
  client: Client,
  request: {
    readonly userId: string;
    readonly resource: string;
    readonly scope: string;
    readonly redirectUri: string;
    readonly prompts: ReadonlySet<string>;
  },
): Promise<Offer | NoOffer> {
  const { userId, redirectUri } = request;
  const [resource, known] = await Promise.all([
    findResource(pool, request.resource),
    findClient(pool, client.clientId),
  ]);
  // Removed a moment after it was found; only documents may have no record yet.
  if (!known && !documentOf(client)) return { gone: 'unknown_client' };
  if (!client.redirectUriAllowed(redirectUri)) return { gone: 'redirect_uri' };
  if (!resource || !isOpenToClient(known, resource) || !(await isOpenToUser(prisma, userId, resource))) {
    return UNKNOWN_RESOURCE;
  }
  const standing = await findStanding(pool, {
    clientId: client.clientId,
    tenantId: resource.tenantId,
    documents,
  });
  if (!standing) return { gone: 'unknown_client' };
  if (standing.refusal) return { gone: standing.refusal };

  const key = {
    userId,
    clientId: client.clientId,
    resourceId: resource.id,
    redirectUri: normalizeRedirectUri(redirectUri),
    clientVersion: clientVersionOf(client, known),
  };
  const { trust, registration, firstSeen, trustGiven } = standing;
  const [permitted, remembered, held, changes] = await Promise.all([
    permittedScopes(prisma, { userId, tenantId: resource.tenantId, resourceId: resource.id }),
    isStranger(trust) ? NOTHING : rememberedScopes(prisma, key),
    heldScopes(prisma, key, normalizeRedirectUri),
    changesSinceConsent({ pool }, client, { known, userId }),
  ]);
  const facts = { ...authorityAt(resource), permitted, trust };
  const requested = request.scope.split(' ').filter((scope) => scope !== '' && !OIDC_SCOPES.has(scope));
  const authority = effectiveAuthority({ ...facts, requested, consent: { state: 'being_asked' } });
  const { scopes } = authority;
  if (scopes.length === 0) return nothingLeft(authority);
  // MCP clients ask for what a challenge names, and would never learn of the rest.
  const beyond = scopesBeyond(requested, facts);
  // The person allowed another version of the client, and has not seen this one.
  const unchanged = changes.length === 0;
  const allows = (allowed: readonly string[]) => scopes.every((scope) => allowed.includes(scope));
  return {
    client,
    trust,
    identity: clientIdentity({ registration, trust, trustGiven, redirectUris: [redirectUri] }),
    registration,
    firstSeen,
    changes,
    resource,
    redirectUri,
    scopes,
    beyond,
    remembered,
    held,
    key,
    mayContinue: unchanged && mayRemember(trust) && !request.prompts.has('consent') && allows(remembered),
    maySkip:
      unchanged && maySkipPage({ ...request, trust }) && allows(allowedBefore(trust, scopes, remembered)),
  };
}

/** RFC 6749 §4.1.2.1: denied, since somebody who has a say permits none of it. */
function nothingLeft({ dropped }: EffectiveAuthority): NoOffer {
  const reason = dropped[0]?.reason ?? 'not_offered_by_resource';
  return { error: 'access_denied', error_description: DENIALS[reason], reason };
}

const ROLE = 'your role permits none of what was asked for';
const CLIENT = 'this program may have none of what it asked for';

/** What the client is told of each reason. */
const DENIALS: Readonly<Record<DropReason, string>> = {
  not_offered_by_resource: 'the server offers none of what was asked for',
  not_permitted_by_role: ROLE,
  not_consented: 'consent covers none of what was asked for',
  client_blocked: 'this program is blocked here',
  above_client_trust: CLIENT,
  strangers_not_admitted: 'the server admits no program that nobody here has vouched for',
};

/** Returns what the client asks for above what it has already; empty where it has nothing, so that all is new. */
export function stepUpScopes({ scopes, held }: Pick<Offer, 'scopes' | 'held'>): readonly string[] {
  return held.length === 0 ? [] : scopes.filter((scope) => !held.includes(scope));
}
