import type { PrismaClient } from '../../platform/database/generated/client.ts';

import { bytesOf, type ConsentKey } from './consent.ts';
import { notEnded } from './living.ts';

const HELD = `
  SELECT g.scopes, g.redirect_uri FROM grants g JOIN clients c ON c.id = g.client_id
  WHERE g.user_id = $1 AND g.client_id = $2 AND g.resource_id = $3 AND g.activated_at IS NOT NULL
    AND g.client_version IS NOT DISTINCT FROM $4::bytea
    AND ${notEnded('c')} AND g.expires_at > now()`;

/** Returns the scopes of the user's living connections with this client, as it is now, at this resource and redirect. */
export async function heldScopes(
  prisma: PrismaClient,
  { userId, clientId, resourceId, redirectUri, clientVersion }: ConsentKey,
  /** Removes from a redirect what may differ between two requests: the port of a loopback one. */
  normalizeRedirectUri: (redirectUri: string) => string,
): Promise<readonly string[]> {
  const rows = await prisma.$queryRawUnsafe<{ scopes: string[]; redirect_uri: string }[]>(
    HELD,
    userId,
    clientId,
    resourceId,
    bytesOf(clientVersion),
  );
  const held = rows.filter((row) => normalizeRedirectUri(row.redirect_uri) === redirectUri);
  return [...new Set(held.flatMap(({ scopes }) => scopes))];
}
