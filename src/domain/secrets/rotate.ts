import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput } from '../../kernel/errors.ts';
import { hashSecret, newSecret } from '../../kernel/ids.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { type AuditEntry, recordAudit } from '../audit/index.ts';

import { type SecretHolder, TABLES, unknownHolder } from './holder.ts';

/** Seconds that the old secret may live beside the new one, at the most (30 days). */
export const MAX_OVERLAP = 2_592_000;

export interface RotatedSecret {
  /** In the clear, this once; only its hash is kept. */
  readonly secret: string;
  /** Until when the one before is accepted too; `undefined` when it ended at once, or there was none. */
  readonly previousExpiresAt: Date | undefined;
}

interface Holder {
  readonly tenant_id: string;
  /** Of a resource, what its tokens are for. */
  readonly identifier: string | null;
  readonly has_secret: boolean;
  readonly previous_lives_until: Date | null;
  readonly may_have_secret: boolean;
}

/**
 * Replaces the secret of a client or a resource. Without `overlap` (seconds) every older one ends with
 * the commit; with it the one that was current is accepted for so long beside the new one.
 *
 * A resource without a secret is given its first one. A client that authenticates without a secret
 * is not: how a client authenticates is decided when it is registered.
 *
 * @throws NotFound when nothing of that id is registered.
 * @throws InvalidInput when it cannot have a secret, or when an overlap would end one that still lives.
 */
export async function rotateSecret(
  prisma: PrismaClient,
  holder: SecretHolder,
  { overlap = 0 }: { readonly overlap?: number | undefined },
  cause: Cause,
): Promise<RotatedSecret> {
  if (!Number.isInteger(overlap) || overlap < 0 || overlap > MAX_OVERLAP) {
    throw new InvalidInput(`An overlap is between 0 seconds and ${MAX_OVERLAP / 86_400} days.`);
  }
  const secret = newSecret();
  return prisma.$transaction(async (tx) => {
    const found = await lockHolder(tx, holder);
    refuseRotation(holder, found, overlap);
    const kept = overlap > 0 && found.has_secret;
    const [rotated] = await tx.$queryRawUnsafe<{ expires_at: Date | null }[]>(
      `UPDATE ${TABLES[holder.kind]} SET secret_hash = $2, secret_created_at = now(),
         previous_secret_hash = CASE WHEN $3 THEN secret_hash END,
         previous_secret_created_at = CASE WHEN $3 THEN COALESCE(secret_created_at, created_at) END,
         previous_secret_expires_at = CASE WHEN $3 THEN now() + make_interval(secs => $4::float8) END
       WHERE id = $1 RETURNING previous_secret_expires_at AS expires_at`,
      holder.id,
      hashSecret(secret),
      kept,
      overlap,
    );
    const previousExpiresAt = rotated?.expires_at ?? undefined;
    const detail = previousExpiresAt ? { previous_expires_at: previousExpiresAt.toISOString() } : {};
    await recordAudit(tx, entryOf('secret.rotated', holder, found, detail), cause);
    return { secret, previousExpiresAt };
  });
}

/**
 * Ends the secret before the last rotation at once, for an overlap that turns out to be too long.
 *
 * @throws NotFound when nothing of that id is registered.
 * @throws InvalidInput when no older secret lives.
 */
export async function revokePreviousSecret(
  prisma: PrismaClient,
  holder: SecretHolder,
  cause: Cause,
): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const found = await lockHolder(tx, holder);
    if (!found.previous_lives_until) {
      throw new InvalidInput(
        `No older secret of ${holder.id} lives. To end the one that does, replace it: rotate without an overlap.`,
      );
    }
    await tx.$executeRawUnsafe(
      `UPDATE ${TABLES[holder.kind]} SET previous_secret_hash = NULL, previous_secret_created_at = NULL,
         previous_secret_expires_at = NULL WHERE id = $1`,
      holder.id,
    );
    await recordAudit(tx, entryOf('secret.revoked', holder, found, {}), cause);
  });
}

function entryOf(
  event: 'secret.rotated' | 'secret.revoked',
  { kind, id }: SecretHolder,
  { tenant_id: tenant, identifier }: Holder,
  detail: AuditEntry['detail'],
): AuditEntry {
  const whose =
    kind === 'client' ? { client: id, detail } : { resource: identifier ?? id, detail: { ...detail, id } };
  return { event, outcome: 'success', tenant, ...whose };
}

async function lockHolder(tx: Prisma.TransactionClient, holder: SecretHolder): Promise<Holder> {
  const [may, identifier] =
    holder.kind === 'client' ? ["auth_method LIKE 'client\\_secret\\_%'", 'NULL'] : ['true', 'identifier'];
  const [found] = await tx.$queryRawUnsafe<Holder[]>(
    `SELECT tenant_id, ${identifier} AS identifier, secret_hash IS NOT NULL AS has_secret, ${may} AS may_have_secret,
            CASE WHEN previous_secret_hash IS NOT NULL AND previous_secret_expires_at > now()
                 THEN previous_secret_expires_at END AS previous_lives_until
     FROM ${TABLES[holder.kind]} WHERE id = $1 AND removed_at IS NULL FOR UPDATE`,
    holder.id,
  );
  if (!found) throw unknownHolder(holder);
  return found;
}

function refuseRotation(holder: SecretHolder, found: Holder, overlap: number): void {
  if (!found.may_have_secret) {
    throw new InvalidInput(`The client ${holder.id} authenticates without a secret.`);
  }
  if (overlap > 0 && found.previous_lives_until) {
    throw new InvalidInput(
      `An older secret of ${holder.id} lives until ${found.previous_lives_until.toISOString()}: there are never ` +
        'more than two. Revoke it first, or rotate without an overlap, which ends both.',
    );
  }
}
