import type { Client, KoaContextWithOIDC, ResourceServer } from 'oidc-provider';
import { errors } from 'oidc-provider';

import { findClient } from '../../../domain/clients/index.ts';
import {
  canonicalizeResource,
  findResource,
  listResources,
  type Resource,
} from '../../../domain/resources/index.ts';
import { rolesOf } from '../../../domain/tenants/index.ts';
import type { Database } from '../../../platform/database/index.ts';

import type { CurrentSession } from './session.ts';

/** The refusal of a resource that does not exist, and of one that the client or the user must not know of. */
export const UNKNOWN_RESOURCE = {
  error: 'invalid_target',
  error_description: 'the requested resource is not known here',
  reason: 'resource_unknown',
} as const;

const OIDC_SCOPES = ['openid', 'offline_access'];

/** The resource that the authorization in hand is about. */
const resourceBy = new WeakMap<object, Resource>();

export function resourceOf(ctx: KoaContextWithOIDC): Resource | undefined {
  return resourceBy.get(ctx);
}

/** A client that a tenant registered uses resources of that tenant only; for any other client the user decides. */
export function isOpenToClient(
  client: { readonly registration: string; readonly tenantId: string } | undefined,
  { tenantId }: Resource,
): boolean {
  return client?.registration !== 'preregistered' || client.tenantId === tenantId;
}

/** Whether the user is a member of the resource's tenant. To all others it does not exist. */
export async function isOpenToUser(
  prisma: Database['prisma'],
  userId: string,
  { tenantId }: Resource,
): Promise<boolean> {
  return (await rolesOf(prisma, userId, tenantId)).length > 0;
}

/** The library's questions about resource indicators (RFC 8707), answered from the registry. */
export function resourceIndicators({
  database: { pool, prisma },
  currentSession,
  defaultResource,
  defaultTenant,
  accessTokenLifetime,
}: {
  readonly database: Pick<Database, 'pool' | 'prisma'>;
  readonly currentSession: CurrentSession;
  /** Identifier for requests that name none. */
  readonly defaultResource: string | undefined;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  /** Seconds. */
  readonly accessTokenLifetime: number;
}) {
  return {
    enabled: true,

    /** A request without `resource` is for the one that is configured, or the only one of the client's tenant. */
    async defaultResource(_ctx: KoaContextWithOIDC, client?: Client): Promise<string> {
      if (defaultResource) return defaultResource;
      const tenant = (client && (await findClient(pool, client.clientId)))?.tenantId ?? defaultTenant;
      const [only, ...others] = (await listResources(pool)).filter(({ tenantId }) => tenantId === tenant);
      if (only && others.length === 0) return only.identifier;
      throw new errors.InvalidTarget(
        'the request must name the MCP server it is for, by the "resource" parameter (RFC 8707)',
        'resource_missing',
      );
    },

    /**
     * Refuses a resource only once the user who will decide is signed in. Before, an unknown resource and one
     * of another tenant lead to the sign-in like any other, so that neither can be recognised (F7).
     */
    async getResourceServerInfo(ctx: KoaContextWithOIDC, identifier: string): Promise<ResourceServer> {
      if (Array.isArray(ctx.oidc.params?.['resource']) && ctx.oidc.params['resource'].length > 1) {
        throw new errors.InvalidTarget('one authorization is for one resource', 'resource_ambiguous');
      }
      const userId = await decidingUser(ctx);
      const resource = await findOpenResource(ctx.oidc.client, identifier, userId);
      const canonical = canonicalizeResource(identifier);
      if (canonical === undefined || (!resource && userId !== undefined)) {
        throw new errors.InvalidTarget(UNKNOWN_RESOURCE.error_description, UNKNOWN_RESOURCE.reason);
      }
      if (resource) {
        resourceBy.set(ctx, resource);
        settleScope(ctx, resource);
      }
      return {
        scope: resource
          ? resource.scopes.map(({ scope }) => scope).join(' ')
          : String(ctx.oidc.params?.['scope'] ?? ''),
        audience: canonical,
        accessTokenTTL: accessTokenLifetime,
        accessTokenFormat: 'jwt',
      };
    },

    useGrantedResource: async () => true,
  };

  async function findOpenResource(
    client: Client | undefined,
    identifier: string,
    userId: string | undefined,
  ): Promise<Resource | undefined> {
    const [resource, known] = await Promise.all([
      findResource(pool, identifier),
      client && findClient(pool, client.clientId),
    ]);
    if (!resource || !isOpenToClient(known, resource)) return undefined;
    return userId === undefined || (await isOpenToUser(prisma, userId, resource)) ? resource : undefined;
  }

  /** The user of this authorization; `undefined` before the sign-in that the request still leads to. */
  async function decidingUser(ctx: KoaContextWithOIDC): Promise<string | undefined> {
    const session = await currentSession(ctx);
    const resumed = ctx.oidc.route.endsWith('resume');
    return !resumed && ctx.oidc.prompts.has('login') ? undefined : session?.user.id;
  }
}

/**
 * Decides what the request asks for: unknown scopes are dropped (clients send their own, or those
 * of another server), and if none of the resource remains its default scopes stand (RFC 6749 §3.3).
 */
function settleScope(ctx: KoaContextWithOIDC, resource: Resource): void {
  const { params } = ctx.oidc;
  if (!params) return;
  const asked = typeof params['scope'] === 'string' ? params['scope'].split(' ') : [];
  const offered = new Set(resource.scopes.map(({ scope }) => scope));
  const ofResource = asked.filter((scope) => offered.has(scope));
  const ofOpenId = asked.filter((scope) => OIDC_SCOPES.includes(scope));
  params['scope'] = [...ofOpenId, ...(ofResource.length > 0 ? ofResource : resource.defaultScopes)].join(' ');
}
