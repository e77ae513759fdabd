import { byHousekeeping } from '../../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../../platform/database/generated/client.ts';
import { recordAuditEach } from '../../audit/index.ts';

/** Whole seconds. */
export interface ClientLifetimes {
  /** For which a client that registered itself is kept while nobody allows it anything. */
  readonly unused: number;
  /** For which it is kept after the last of its grants has ended. */
  readonly idle: number;
}

/** Clients taken in one transaction, and transactions in one round, so that neither lasts. */
const BATCH = 500;
const MAX_BATCHES = 40;

/** What an administrator decided about is theirs to remove. */
const AS_REGISTERED = `c.registration = 'dynamic' AND c.trust = COALESCE(c.registered_trust, 'untrusted')`;
const NO_GRANTS = 'NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id)';

/** A grant that lives, or ended less than `$2` seconds ago. */
const RECENT = `
  EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id
          AND LEAST(COALESCE(g.revoked_at, 'infinity'), g.expires_at) > now() - make_interval(secs => $2::float8))`;

interface Sweep {
  /** `$1`: the ids that were found; more parameters are of the rule. What is found is locked. */
  readonly find: string;
  /** Looks again under the lock, at whatever was committed meanwhile. */
  readonly act: string;
  readonly values: readonly unknown[];
  readonly reason: string | undefined;
}

const ROW = 'c.tenant_id AS tenant, NULL::text AS subject, c.id AS client, NULL::text AS "grant"';

function sweeps({ unused, idle }: ClientLifetimes): readonly Sweep[] {
  return [
    {
      // Removed already, with a record; nothing hangs on it.
      find: `c.registration = 'dynamic' AND c.used_at IS NULL AND c.removed_at IS NOT NULL AND ${NO_GRANTS}`,
      act: `DELETE FROM clients c WHERE c.id = ANY ($1::text[]) AND ${NO_GRANTS} RETURNING ${ROW}`,
      values: [],
      reason: undefined,
    },
    {
      find: `${AS_REGISTERED} AND c.used_at IS NULL AND c.removed_at IS NULL AND ${NO_GRANTS}
             AND c.created_at < now() - make_interval(secs => $2::float8)`,
      act: `DELETE FROM clients c WHERE c.id = ANY ($1::text[]) AND c.used_at IS NULL AND ${NO_GRANTS}
              AND c.created_at < now() - make_interval(secs => $2::float8) RETURNING ${ROW}`,
      values: [unused],
      reason: 'unused',
    },
    {
      // The row stays: its grants are the history of the people who made them.
      find: `${AS_REGISTERED} AND c.used_at < now() - make_interval(secs => $2::float8) AND c.removed_at IS NULL
             AND NOT ${RECENT}`,
      act: `UPDATE clients c SET removed_at = now() WHERE c.id = ANY ($1::text[]) AND c.removed_at IS NULL AND NOT ${RECENT}
            RETURNING ${ROW}`,
      values: [idle],
      reason: 'no_living_grant',
    },
  ];
}

/**
 * Removes clients that registered themselves and are of no more use: never allowed anything for so long, or
 * without a living grant for so long. Each with its record. A client of a living grant is never among
 * them, nor is one that an administrator gave another trust level. Answers how many.
 */
export async function sweepClients(prisma: PrismaClient, lifetimes: ClientLifetimes): Promise<number> {
  let swept = 0;
  for (const sweep of sweeps(lifetimes)) {
    for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
      const { found, done } = await prisma.$transaction((tx) => sweepOnce(tx, sweep));
      swept += done;
      if (found < BATCH) break;
    }
  }
  return swept;
}

/**
 * Two statements, because the second sees what was committed before it got the locks of the first: a grant
 * that is being made holds the key of its client.
 */
async function sweepOnce(
  tx: Prisma.TransactionClient,
  { find, act, values, reason }: Sweep,
): Promise<{ readonly found: number; readonly done: number }> {
  const rows = await tx.$queryRawUnsafe<{ id: string }[]>(
    `SELECT c.id FROM clients c WHERE ${find} LIMIT $1::int FOR UPDATE SKIP LOCKED`,
    BATCH,
    ...values,
  );
  if (rows.length === 0) return { found: 0, done: 0 };
  const ids = rows.map(({ id }) => id);
  if (reason === undefined) {
    return { found: rows.length, done: await tx.$executeRawUnsafe(act, ids, ...values) };
  }
  const done = await recordAuditEach(
    tx,
    { text: act, values: [ids, ...values] },
    { event: 'client.removed', outcome: 'success', reason },
    byHousekeeping('unused-clients'),
  );
  return { found: rows.length, done };
}
