import { byHousekeeping } from '../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAuditEach } from '../audit/index.ts';

import { LAST_USED } from './last-used.ts';
import { notEnded } from './living.ts';
import { UNUSED_LIFETIME } from './supersede.ts';

type Tx = Prisma.TransactionClient;

/** Newer grants that are looked at in one transaction. */
const BATCH = 200;
/** Older grants that end in one transaction. */
const MAX_ENDED = 1000;
/** Transactions in one round of housekeeping, so that it ends. */
const MAX_BATCHES = 200;

const DUE = `SELECT id FROM grants WHERE supersedes_at <= now() ORDER BY supersedes_at LIMIT ${BATCH}`;

/**
 * Finds what the newer grants `$1` end: what one of them widens, and what was not used since the first token of the
 * newest of its key that is a day old. A newer one that has itself ended ends nothing.
 */
const FIND = `
  WITH newer AS MATERIALIZED (
    SELECT g.connection_key, g.widens, g.scopes, g.activated_at FROM grants g JOIN clients c ON c.id = g.client_id
    WHERE g.id = ANY ($1::text[]) AND g.expires_at > now() AND ${notEnded('c')}
  ), newest AS MATERIALIZED (
    SELECT connection_key, max(activated_at) AS activated_at FROM newer
    WHERE activated_at <= now() - ${UNUSED_LIFETIME} GROUP BY connection_key
  )
  SELECT g.id, encode(g.connection_key, 'hex') AS key, NULL::text AS "lastUsed"
  FROM newer JOIN grants g ON g.id = newer.widens AND g.scopes <@ newer.scopes JOIN clients c ON c.id = g.client_id
  WHERE ${notEnded('c')}
  UNION ALL
  SELECT g.id, encode(g.connection_key, 'hex') AS key, used.at::text AS "lastUsed"
  FROM newest JOIN grants g ON g.connection_key = newest.connection_key AND g.connection_key IS NOT NULL
    JOIN clients c ON c.id = g.client_id, LATERAL (SELECT ${LAST_USED} AS at) used
  WHERE ${notEnded('c')} AND g.expires_at > now() AND g.activated_at < newest.activated_at
    AND used.at < newest.activated_at
  LIMIT ${MAX_ENDED}`;

interface Superseded {
  readonly id: string;
  readonly key: string;
  /** As the database writes it; null where it does not matter. */
  readonly lastUsed: string | null;
}

const LOCK = `SELECT id FROM grants WHERE id = ANY ($1::text[]) FOR UPDATE SKIP LOCKED`;

/** Looks again, under the lock: a connection that was refreshed or widened since it was found is kept. */
const END = `
  UPDATE grants g SET revoked_at = now(), revoked_reason = 'superseded'
  FROM unnest($1::text[], $2::text[]) AS found (id, last_used), clients c
  WHERE g.id = found.id AND c.id = g.client_id AND ${notEnded('c')}
    AND CASE WHEN found.last_used IS NULL
             THEN EXISTS (SELECT 1 FROM grants n WHERE n.id = ANY ($3::text[]) AND n.widens = g.id AND g.scopes <@ n.scopes)
             ELSE ${LAST_USED} = found.last_used::timestamptz END
  RETURNING g.id AS "grant", g.tenant_id AS tenant, g.user_id AS subject, g.client_id AS client`;

/** The newer ones `$1` have ended what they widened, and are looked at again after their day, if that is to come. */
const SETTLE = `
  UPDATE grants SET widens = NULL,
    supersedes_at = CASE WHEN activated_at > now() - ${UNUSED_LIFETIME} THEN activated_at + ${UNUSED_LIFETIME} END
  WHERE id IN (SELECT id FROM grants WHERE id = ANY ($1::text[]) FOR NO KEY UPDATE SKIP LOCKED)
    AND encode(connection_key, 'hex') <> ALL ($2::text[])`;

/**
 * Ends connections that a newer one has replaced: those that were not used in the day since its first token, and at once
 * the one that a step-up widened, if the redemption could not. Writes one audit record each. Returns how many ended.
 *
 * Takes every lock with SKIP LOCKED: it can be part of no deadlock, and a grant that is in use is left for the next
 * round. Any number of processes may do it at the same time. `signal` stops it between two batches.
 */
export async function endSuperseded(prisma: PrismaClient, signal?: AbortSignal): Promise<number> {
  let total = 0;
  for (let batch = 0; batch < MAX_BATCHES && !signal?.aborted; batch += 1) {
    const newer = idsOf(await prisma.$queryRawUnsafe<{ id: string }[]>(DUE));
    if (newer.length === 0) break;
    const { ended, settled } = await prisma.$transaction((tx) => endBatch(tx, newer));
    total += ended;
    if (ended + settled === 0) break;
  }
  return total;
}

async function endBatch(
  tx: Tx,
  newer: readonly string[],
): Promise<{ readonly ended: number; readonly settled: number }> {
  const found = await tx.$queryRawUnsafe<Superseded[]>(FIND, newer);
  const locked = new Set(
    found.length === 0 ? [] : idsOf(await tx.$queryRawUnsafe<{ id: string }[]>(LOCK, idsOf(found))),
  );
  const free = found.filter(({ id }) => locked.has(id));
  const ended = free.length === 0 ? 0 : await end(tx, free, newer);
  // There may be more of any key.
  if (found.length === MAX_ENDED) return { ended, settled: 0 };
  const left = found.filter(({ id }) => !locked.has(id)).map(({ key }) => key);
  return { ended, settled: await tx.$executeRawUnsafe(SETTLE, newer, left) };
}

function end(tx: Tx, superseded: readonly Superseded[], newer: readonly string[]): Promise<number> {
  const values = [idsOf(superseded), superseded.map(({ lastUsed }) => lastUsed), newer];
  const entry = { event: 'grant.revoked', outcome: 'success', reason: 'superseded' } as const;
  return recordAuditEach(tx, { text: END, values }, entry, byHousekeeping('superseded-connections'));
}

const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
