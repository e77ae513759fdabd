import type { Pool } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import { runStatement } from '../../platform/database/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

import { notEnded } from './living.ts';
import type { GrantFacts } from './presented.ts';

/** How long a connection that a newer one has replaced lives without use. */
const UNUSED_LIFETIME_S = 24 * 60 * 60;
export const UNUSED_LIFETIME = `interval '${UNUSED_LIFETIME_S} seconds'`;

/** Connections with the same key that a redemption looks at; among more it ends none at once. */
const MAX_COMPARED = 20;

/** The scopes of `o` are part of those of `g`, which has more. What is of no resource counts too, but for `offline_access`. */
const WIDENED = `o.scopes <@ g.scopes AND NOT g.scopes <@ o.scopes
  AND array_remove(o.oidc_scopes, 'offline_access') <@ g.oidc_scopes`;

/**
 * The values of `supersedes_at` and `widens` for the grant `g` that has its first token now.
 *
 * Reads the other grants with its key by an index, and locks none of them: a redemption waits for no other
 * connection. What has to end is written into the row of `g` alone, and `endWidened` and `endSuperseded` do it. Promises
 * count as others, so that of two redemptions at the same time the later one always sees the earlier one.
 */
export const SUPERSESSION = `
  SELECT CASE WHEN s.others > 0 THEN now() + CASE WHEN s.widened IS NULL THEN ${UNUSED_LIFETIME} ELSE interval '0' END END,
         s.widened
  FROM (
    SELECT count(*) AS others,
           CASE WHEN count(*) <= ${MAX_COMPARED} AND count(*) FILTER (WHERE n.narrower) = 1
                THEN min(n.id) FILTER (WHERE n.narrower) END AS widened
    FROM (
      SELECT o.id, o.activated_at IS NOT NULL AND o.expires_at > now() AND o.client_epoch = g.client_epoch
                   AND o.epoch = g.epoch AND ${WIDENED} AS narrower
      FROM grants o
      WHERE o.connection_key = g.connection_key AND o.connection_key IS NOT NULL AND o.revoked_at IS NULL AND o.id <> g.id
      LIMIT ${MAX_COMPARED + 1}
    ) n
  ) s`;

/**
 * Returns when a connection ends before its time unless it is used: a day after the first token that another one with
 * its key had since its last use. `firstTokens` are those of all living connections with its key, oldest first.
 */
export function endsUnusedAt(
  { lastUsedAt, expiresAt }: { readonly lastUsedAt: Date; readonly expiresAt: Date },
  firstTokens: readonly Date[],
): Date | undefined {
  const replacedAt = firstTokens.find((at) => at > lastUsedAt);
  if (!replacedAt) return undefined;
  const endsAt = new Date(replacedAt.getTime() + UNUSED_LIFETIME_S * 1000);
  return endsAt < expiresAt ? endsAt : undefined;
}

const END_WIDENED = `
  WITH taken AS MATERIALIZED (
    SELECT g.id FROM grants g JOIN clients c ON c.id = g.client_id WHERE g.id = $1 AND g.scopes <@ $2::text[] AND ${notEnded('c')}
    FOR UPDATE OF g SKIP LOCKED
  ), ended AS (
    UPDATE grants g SET revoked_at = now(), revoked_reason = 'superseded' FROM taken WHERE g.id = taken.id
    RETURNING g.id
  ), audited AS (${auditInsert(3, 'FROM ended')})
  SELECT id FROM ended`;

/**
 * Ends the one connection that a step-up has widened, right after the first token of the new one.
 *
 * It waits for nothing and loses nothing: where the old connection is in use at this moment, the store goes away or the
 * process dies, housekeeping ends it within a minute, since the row of the new grant says so (`widens`).
 *
 * Only a person who allowed more, on the consent page and in the browser session of the old connection, comes here: a
 * program that has taken the place of a client (any program can use a loopback redirect) cannot end the connection of that
 * client by itself, because a page is shown for every loopback redirect. A client that loses the answer with its first
 * token, and presents its code again, has neither connection left, and a person signs in again. The old one is not kept
 * for that: it would be one that the person takes for replaced.
 */
export async function endWidened(
  pool: Pool,
  /** The new one. */
  { id, tenantId, userId, clientId, resource, scopes }: GrantFacts,
  widened: string,
  /** Of the redemption. */
  { actor, requestId, network }: Cause,
): Promise<void> {
  const audit: AuditEntry = {
    event: 'grant.revoked',
    outcome: 'success',
    reason: 'superseded',
    tenant: tenantId,
    subject: userId,
    client: clientId,
    grant: widened,
    resource,
    detail: { superseded_by: id },
  };
  const statement = { name: 'end-widened', text: END_WIDENED, values: [widened, scopes] };
  try {
    await runStatement(pool, auditedStatement(statement, audit, { actor, requestId, network }));
  } catch {
    // The code is spent, so the client must have its tokens: housekeeping does this then.
  }
}
