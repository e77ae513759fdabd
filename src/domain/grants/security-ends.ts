import type { PrismaClient } from '../../platform/database/generated/client.ts';

/** A connection that was ended because a credential of it may have been copied. */
export interface SecurityEnd {
  readonly client: string;
  /** How the client came to be known. */
  readonly registration: string;
  readonly resource: string;
  readonly reason: 'code_reused' | 'refresh_reused' | 'token_in_foreign_hands' | 'derivation_compromised';
  readonly endedAt: Date;
}

/** The newest connections that a page can show; an attacker who ends many must not fill it. */
const MAX_SHOWN = 5;

const LIST = `
  SELECT c.name AS client, c.registration, r.name AS resource, g.revoked_reason AS reason, g.revoked_at AS "endedAt"
  FROM grants g JOIN clients c ON c.id = g.client_id JOIN resources r ON r.id = g.resource_id
  WHERE g.user_id = $1 AND g.activated_at IS NOT NULL AND g.revoked_at > now() - interval '30 days'
    AND g.revoked_reason IN ('code_reused', 'refresh_reused', 'token_in_foreign_hands', 'derivation_compromised')
  ORDER BY g.revoked_at DESC LIMIT ${MAX_SHOWN}`;

/** Returns the connections of a user that were ended for their security in the last 30 days, newest first. */
export function listSecurityEnds(prisma: PrismaClient, userId: string): Promise<readonly SecurityEnd[]> {
  return prisma.$queryRawUnsafe<SecurityEnd[]>(LIST, userId);
}
