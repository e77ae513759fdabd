import type { Cause } from '../../kernel/cause.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAuditEach } from '../audit/index.ts';

import { derivationDropped } from './derivation.ts';
import { notEnded } from './living.ts';

/** Grants that are looked at in one transaction. */
const BATCH = 1_000;

const TAKE = `SELECT g.id FROM grants g WHERE g.id > $1 AND g.revoked_at IS NULL ORDER BY g.id LIMIT ${BATCH}`;

const END = `
  UPDATE grants g SET revoked_at = now(), revoked_reason = 'derivation_compromised' FROM clients c
  WHERE c.id = g.client_id AND ${notEnded('c')} AND g.id = ANY ($1::text[])
    AND (SELECT ${derivationDropped} FROM refresh_tokens t WHERE t.grant_id = g.id ORDER BY t.generation DESC LIMIT 1)
  RETURNING g.id AS "grant", g.tenant_id AS tenant, g.user_id AS subject, g.client_id AS client`;

/**
 * Writes the end into every grant whose newest refresh token was derived with a secret that was dropped, with one
 * record each, batch by batch. Those tokens are dead before: they are refused since the secret was dropped. What is
 * cut off in the middle can be run again. Returns how many grants ended.
 */
export async function endCompromisedFamilies(prisma: PrismaClient, cause: Cause): Promise<number> {
  let ended = 0;
  let last = '';
  for (;;) {
    const taken = await prisma.$queryRawUnsafe<{ id: string }[]>(TAKE, last);
    const ids = taken.map(({ id }) => id);
    if (ids.length > 0) ended += await prisma.$transaction((tx) => endBatch(tx, ids));
    last = ids.at(-1) ?? '';
    if (ids.length < BATCH) return ended;
  }

  function endBatch(tx: Parameters<typeof recordAuditEach>[0], ids: readonly string[]): Promise<number> {
    const entry = { event: 'grant.revoked', outcome: 'success', reason: 'derivation_compromised' } as const;
    return recordAuditEach(tx, { text: END, values: [ids] }, entry, cause);
  }
}
