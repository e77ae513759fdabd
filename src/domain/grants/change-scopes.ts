import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput } from '../../kernel/errors.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { narrowConsents } from './consent.ts';
import { notEnded } from './living.ts';

/** A decision of the owner of a connection about its scopes. */
export interface ScopeDecision {
  readonly userId: string;
  readonly grantId: string;
  /** All that the connection holds from now on; at least one. */
  readonly scopes: readonly string[];
  /** Those that the caller found within effective authority, and that may be added now. */
  readonly addable: readonly string[];
}

/** The changes of a decision; both are empty if the connection held exactly that before. */
export interface ScopeChange {
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

const LOCK = `
  SELECT g.scopes, g.tenant_id AS "tenantId", g.client_id AS "clientId", g.resource_id AS "resourceId",
    r.identifier AS resource
  FROM grants g JOIN clients c ON c.id = g.client_id JOIN resources r ON r.id = g.resource_id
  WHERE g.id = $1 AND g.user_id = $2 AND g.activated_at IS NOT NULL AND ${notEnded('c')} AND g.expires_at > now()
  FOR UPDATE OF g`;

interface LockedGrant {
  readonly scopes: readonly string[];
  readonly tenantId: string;
  readonly clientId: string;
  readonly resourceId: string;
  readonly resource: string;
}

const CHANGE = `
  UPDATE grants g SET scopes = $2::text[], withdrawn_scopes = ARRAY(
    SELECT DISTINCT w.scope FROM unnest(g.withdrawn_scopes || $3::text[]) AS w (scope)
    WHERE w.scope <> ALL ($2::text[]) ORDER BY w.scope)
  WHERE g.id = $1`;

/**
 * Narrows or widens a living connection in the name of its owner, under the lock of its grant, in one transaction with
 * its audit records (`grant.narrowed`, `grant.widened`).
 *
 * It takes effect at the next token: `rotateRefreshToken` and `repeatRefreshToken` check under the same lock that the
 * grant holds what was signed. Narrowing removes the scopes from the remembered consent too. A scope that was taken
 * back is kept apart, so that a client that still names it is narrowed and not refused.
 *
 * Returns `'ended'` if the user has no such living connection, and `'not_offered'` if the decision has a scope that the
 * connection neither holds nor may get; then nothing happened.
 *
 * @throws InvalidInput for a decision without a scope: that is the end of a connection.
 */
export async function changeScopes(
  prisma: PrismaClient,
  { userId, grantId, scopes, addable }: ScopeDecision,
  cause: Cause,
): Promise<ScopeChange | 'ended' | 'not_offered'> {
  if (scopes.length === 0) throw new InvalidInput('a connection has at least one scope');
  return prisma.$transaction(async (tx) => {
    const [grant] = await tx.$queryRawUnsafe<LockedGrant[]>(LOCK, grantId, userId);
    if (!grant) return 'ended';
    const { scopes: held } = grant;
    if (scopes.some((scope) => !held.includes(scope) && !addable.includes(scope))) return 'not_offered';
    const kept = held.filter((scope) => scopes.includes(scope));
    const removed = held.filter((scope) => !scopes.includes(scope));
    const added = addable.filter((scope) => scopes.includes(scope) && !held.includes(scope));
    if (removed.length + added.length === 0) return { removed, added };

    const next = [...kept, ...added];
    await tx.$executeRawUnsafe(CHANGE, grantId, next, removed);
    if (removed.length > 0) await narrowConsents(tx, { userId, ...grant }, removed, cause);
    const { tenantId, clientId, resource } = grant;
    const entry = {
      outcome: 'success',
      tenant: tenantId,
      subject: userId,
      client: clientId,
      grant: grantId,
      resource,
      scopes: next,
    } as const;
    if (removed.length > 0)
      await recordAudit(tx, { ...entry, event: 'grant.narrowed', detail: { removed } }, cause);
    if (added.length > 0)
      await recordAudit(tx, { ...entry, event: 'grant.widened', detail: { added } }, cause);
    return { removed, added };
  });
}
