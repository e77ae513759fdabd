import type { Pool } from 'pg';

import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { type DocumentMode, findStanding } from '../admission/index.ts';
import { authorityAt, scopesBeyond } from '../authority/index.ts';
import { findResource, type Resource } from '../resources/index.ts';

import { type Connection, listConnections } from './list.ts';
import { permittedScopes } from './permitted.ts';

/** A connection with the scopes that its owner can choose from. */
export interface ScopeChoice {
  /** Its `scopes` are those that it holds. */
  readonly connection: Connection;
  /** Undefined once it was removed. */
  readonly resource: Resource | undefined;
  /** Scopes that could be added, in the order of the resource. */
  readonly beyond: readonly string[];
}

interface Deps {
  readonly pool: Pool;
  readonly prisma: PrismaClient;
  /** What the installation does with clients that are named by a URL. */
  readonly documents: DocumentMode;
}

/**
 * Returns what the owner of a connection can keep, take back and add. What can be added is decided by effective
 * authority, as on the consent page; nothing can be added for a client without a refresh token, which gets no next token.
 *
 * Returns `'ended'` for a connection of this user that ended, and undefined for one that is not theirs.
 */
export async function findScopeChoice(
  { pool, prisma, documents }: Deps,
  { userId, grantId }: { readonly userId: string; readonly grantId: string },
): Promise<ScopeChoice | 'ended' | undefined> {
  const connection = (await listConnections(prisma, userId)).find(({ id }) => id === grantId);
  if (!connection) {
    const ended = await prisma.grant.count({ where: { id: grantId, userId, activatedAt: { not: null } } });
    return ended === 0 ? undefined : 'ended';
  }
  const resource = await findResource(pool, connection.resource.identifier);
  if (!resource || !connection.staysConnected) return { connection, resource, beyond: [] };

  const { id: resourceId, tenantId } = resource;
  const [permitted, standing] = await Promise.all([
    permittedScopes(prisma, { userId, tenantId, resourceId }),
    findStanding(pool, { clientId: connection.client.id, tenantId, documents }),
  ]);
  const held = connection.scopes.map(({ scope }) => scope);
  const facts = { ...authorityAt(resource), permitted, trust: standing?.trust ?? 'blocked' } as const;
  return { connection, resource, beyond: scopesBeyond(held, facts) };
}
