import type { Client, KoaContextWithOIDC, ResourceServer } from 'oidc-provider';
import { errors } from 'oidc-provider';
import type { Pool } from 'pg';

import { findClient } from '../../domain/clients/index.ts';
import { findResource, listResources, type Resource } from '../../domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';

/** Said of a resource that does not exist and of one that somebody may not know of: outside they are the same. */
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

/** The library's questions about resource indicators (RFC 8707), answered from the registry. */
export function resourceIndicators({
  pool,
  defaultResource,
  accessTokenLifetime,
}: {
  readonly pool: Pool;
  /** Identifier for requests that name none. */
  readonly defaultResource: string | undefined;
  /** Seconds. */
  readonly accessTokenLifetime: number;
}) {
  return {
    enabled: true,

    /** A request without `resource` is for the one that is configured, or the only one of the client's tenant. */
    async defaultResource(_ctx: KoaContextWithOIDC, client?: Client): Promise<string> {
      if (defaultResource) return defaultResource;
      const tenant = (client && (await findClient(pool, client.clientId)))?.tenantId ?? DEFAULT_TENANT;
      const [only, ...others] = (await listResources(pool)).filter(({ tenantId }) => tenantId === tenant);
      if (only && others.length === 0) return only.identifier;
      throw new errors.InvalidTarget(
        'the request must name the MCP server it is for, by the "resource" parameter (RFC 8707)',
        'resource_missing',
      );
    },

    async getResourceServerInfo(ctx: KoaContextWithOIDC, identifier: string): Promise<ResourceServer> {
      if (Array.isArray(ctx.oidc.params?.['resource']) && ctx.oidc.params['resource'].length > 1) {
        throw new errors.InvalidTarget('one authorization is for one resource', 'resource_ambiguous');
      }
      const resource = await findResource(pool, identifier);
      if (!resource || !(await mayKnow(ctx.oidc.client, resource))) {
        throw new errors.InvalidTarget(UNKNOWN_RESOURCE.error_description, UNKNOWN_RESOURCE.reason);
      }
      resourceBy.set(ctx, resource);
      settleScope(ctx, resource);
      return {
        scope: resource.scopes.map(({ scope }) => scope).join(' '),
        audience: resource.identifier,
        accessTokenTTL: accessTokenLifetime,
        accessTokenFormat: 'jwt',
      };
    },

    useGrantedResource: async () => true,
  };

  /** A client that a tenant registered is its own; one that registered itself is nobody's, and its user decides. */
  async function mayKnow(client: Client | undefined, { tenantId }: Resource): Promise<boolean> {
    const known = client && (await findClient(pool, client.clientId));
    return known?.registration !== 'preregistered' || known.tenantId === tenantId;
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
