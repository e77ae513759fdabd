import type { Actor, Cause } from '../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAuditEach } from '../audit/index.ts';

import type { RevocationReason } from './revocation-reason.ts';

type Tx = Prisma.TransactionClient;

/** An act that ended every grant of a client. */
interface Cutoff {
  readonly clientId: string;
  /** Of the client after it. */
  readonly epoch: number;
  readonly reason: RevocationReason;
  readonly cause: Cause;
}

/** Grants that are written to in one transaction. */
const BATCH = 1000;
/** Batches in one round of housekeeping, so that it ends. */
const MAX_BATCHES = 200;
/** How far is counted what an act ended: the act must not wait for a count of millions. */
export const COUNTED = 10_000;

const RAISE = `
  WITH raised AS (
    UPDATE clients SET grant_epoch = grant_epoch + 1 WHERE id = $1 RETURNING id, grant_epoch, tenant_id
  )
  INSERT INTO client_cutoffs (client_id, epoch, tenant_id, reason, actor_type, actor_id, request_id, network)
  SELECT id, grant_epoch, tenant_id, $2, $3, $4, $5, $6 FROM raised
  RETURNING epoch`;

/** The grants that the cutoff of client `$1` to epoch `$2` ended, and that do not say so yet. */
const UNSETTLED = `
  FROM grants g
  WHERE g.client_id = $1 AND g.client_epoch = $2 - 1 AND g.revoked_at IS NULL
    AND g.epoch = (SELECT grant_epoch FROM installation)`;

const COUNT = `SELECT count(*)::int AS count FROM (SELECT 1 ${UNSETTLED} LIMIT ${COUNTED}) AS unsettled`;

/**
 * Ends every grant that a client has, inside the transaction of the act that ends them: from its commit on
 * all of them are dead everywhere, however many, because the client's epoch was raised. The end is
 * written into each one, with its record, at once for the first thousand and by housekeeping for the rest.
 *
 * Answers how many ended, as far as `COUNTED`.
 */
export async function cutOffClient(
  tx: Tx,
  clientId: string,
  reason: RevocationReason,
  cause: Cause,
): Promise<number> {
  const { actor, requestId, network = null } = cause;
  const values = [clientId, reason, actor.type, actor.id ?? null, requestId, network];
  const raised = await tx.$queryRawUnsafe<{ epoch: number }[]>(RAISE, ...values);
  const epoch = raised[0]?.epoch;
  if (epoch === undefined) return 0;
  await tx.$executeRawUnsafe(STOP_EARLY);
  const { settled } = await settleBatch(tx, { clientId, epoch, reason, cause }, OLDEST);
  const [rest] = await tx.$queryRawUnsafe<{ count: number }[]>(COUNT, clientId, epoch);
  return Math.min(settled + (rest?.count ?? 0), COUNTED);
}

/** From when on all grants are. */
const OLDEST = '-infinity';

const OPEN = `
  SELECT client_id, epoch, reason, actor_type, actor_id, request_id, network FROM client_cutoffs WHERE settled_at IS NULL
  ORDER BY made_at, client_id, epoch LIMIT ${MAX_BATCHES}`;

interface CutoffRow {
  readonly client_id: string;
  readonly epoch: number;
  readonly reason: RevocationReason;
  readonly actor_type: Actor['type'] | null;
  readonly actor_id: string | null;
  readonly request_id: string;
  readonly network: string | null;
}

/**
 * Goes on with writing into grants that their client's cutoff ended them, batch by batch, until all say so, the
 * round is long enough, or `signal` tells it to stop. Any number of processes may do it at the same time.
 * Answers how many grants it wrote to.
 */
export async function settleCutoffs(prisma: PrismaClient, signal?: AbortSignal): Promise<number> {
  let total = 0;
  let batches = 0;
  for (const row of await prisma.$queryRawUnsafe<CutoffRow[]>(OPEN)) {
    const cutoff = { clientId: row.client_id, epoch: row.epoch, reason: row.reason, cause: causeOf(row) };
    let next: string | undefined = OLDEST;
    while (next !== undefined) {
      if (batches === MAX_BATCHES || signal?.aborted) return total;
      batches += 1;
      const from: string = next;
      const done: Settled = await prisma.$transaction((tx) => settleBatch(tx, cutoff, from));
      total += done.settled;
      next = done.next;
    }
  }
  return total;
}

/** Returns the cause of the act, not of the housekeeping that goes on with it. */
function causeOf({ actor_type: type, actor_id: id, request_id: requestId, network }: CutoffRow): Cause {
  const actor =
    type === null ? { type: 'housekeeping', id: 'cutoffs' } : id === null ? { type } : { type, id };
  return { actor: actor as Actor, requestId, ...(network === null ? {} : { network }) };
}

/**
 * Has what follows in the transaction walk an index and stop when it has enough. Where the planner has not heard
 * yet how many grants a client has, it would gather all of them first, and with a million that takes a second.
 */
const STOP_EARLY = 'SET LOCAL enable_bitmapscan = off';

const TAKE = `
  SELECT g.id, g.created_at::text AS "createdAt" ${UNSETTLED} AND g.created_at >= $3::timestamptz
  ORDER BY g.created_at LIMIT ${BATCH} FOR UPDATE OF g SKIP LOCKED`;

const SETTLE = `
  UPDATE grants g SET revoked_at = k.made_at, revoked_reason = k.reason FROM client_cutoffs k
  WHERE k.client_id = $1 AND k.epoch = $2 AND g.id = ANY ($3::text[])
  RETURNING g.id AS "grant", g.tenant_id AS tenant, g.user_id AS subject, g.client_id AS client`;

/**
 * A grant that was being made while the epoch was raised carries the one before, dead as it is, and may be
 * committed after all others were written to. No statement takes as long as a minute: then none can come.
 */
const COMPLETE = `
  UPDATE client_cutoffs SET settled_at = clock_timestamp()
  WHERE client_id = $1 AND epoch = $2 AND made_at < clock_timestamp() - interval '1 minute'
    AND NOT EXISTS (SELECT 1 ${UNSETTLED})`;

interface Settled {
  /** How many grants were written to. */
  readonly settled: number;
  /** From when on there may be more; absent when the end was reached. What was locked is left for another round. */
  readonly next: string | undefined;
}

/** Writes into the next grants, in the order of their age, from those on that were made at `from`. Those that are locked are left for later. */
async function settleBatch(
  tx: Tx,
  { clientId, epoch, reason, cause }: Cutoff,
  from: string,
): Promise<Settled> {
  const taken = await tx.$queryRawUnsafe<{ id: string; createdAt: string }[]>(TAKE, clientId, epoch, from);
  const ids = taken.map(({ id }) => id);
  if (ids.length > 0) {
    const act = { text: SETTLE, values: [clientId, epoch, ids] };
    await recordAuditEach(tx, act, { event: 'grant.revoked', outcome: 'success', reason }, cause);
  }
  if (ids.length === BATCH) return { settled: ids.length, next: taken.at(-1)?.createdAt };
  await tx.$executeRawUnsafe(COMPLETE, clientId, epoch);
  return { settled: ids.length, next: undefined };
}
