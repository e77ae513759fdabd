import type { PoolClient } from 'pg';

import { hashSecret, newSecret } from '../../kernel/ids.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';

type Db = Prisma.TransactionClient;

/** What a link is for. A link of one purpose is worth nothing for another. */
export type LinkPurpose = 'setup' | 'enrolment' | 'recovery';

/** A link to be made. */
export interface NewLink {
  readonly purpose: LinkPurpose;
  /** Absent for a set-up, which makes its person. */
  readonly owner?: { readonly userId: string; readonly email: string };
  /** Whole seconds. */
  readonly lifetime: number;
}

/** A link that was just made. The token is shown this once. */
export interface IssuedLink {
  readonly token: string;
  readonly expiresAt: Date;
}

/** A link as it stands. */
export interface KnownLink {
  readonly purpose: LinkPurpose;
  readonly userId: string | undefined;
  /** The address that it was made for. */
  readonly email: string | undefined;
  readonly state: 'open' | 'used' | 'ended' | 'expired';
}

/** Makes a link. The caller records the act that it belongs to, in the same transaction. */
export async function issueLink(tx: Db, { purpose, owner, lifetime }: NewLink): Promise<IssuedLink> {
  const token = newSecret();
  const rows = await tx.$queryRaw<{ expiresAt: Date }[]>`
    INSERT INTO one_time_links (token_hash, purpose, user_id, email, expires_at)
    VALUES (${hashSecret(token)}, ${purpose}, ${owner?.userId ?? null}, ${owner?.email ?? null},
            now() + make_interval(secs => ${lifetime}::int))
    RETURNING expires_at AS "expiresAt"`;
  return { token, expiresAt: rows[0]?.expiresAt ?? new Date(0) };
}

/** Reads a link, and changes nothing. `undefined` when there is none of that purpose. */
export async function lookUpLink(
  db: Db,
  token: string,
  purposes: readonly LinkPurpose[],
): Promise<KnownLink | undefined> {
  const rows = await db.$queryRaw<
    { purpose: LinkPurpose; userId: string | null; email: string | null; state: KnownLink['state'] }[]
  >`
    SELECT purpose, user_id AS "userId", email,
           CASE WHEN used_at IS NOT NULL THEN 'used' WHEN ended_at IS NOT NULL THEN 'ended'
                WHEN expires_at <= now() THEN 'expired' ELSE 'open' END AS state
    FROM one_time_links WHERE token_hash = ${hashSecret(token)} AND purpose = ANY (${[...purposes]})`;
  const row = rows[0];
  return row && { ...row, userId: row.userId ?? undefined, email: row.email ?? undefined };
}

/**
 * Uses a link: true for exactly one caller. Ends the other links of its purpose and person in the same
 * transaction.
 */
export async function spendLink(tx: Db, token: string, purpose: LinkPurpose): Promise<boolean> {
  const rows = await tx.$queryRaw<{ userId: string | null }[]>`
    UPDATE one_time_links SET used_at = now()
    WHERE token_hash = ${hashSecret(token)} AND purpose = ${purpose}
      AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()
    RETURNING user_id AS "userId"`;
  if (rows.length !== 1) return false;
  await tx.$executeRaw`
    UPDATE one_time_links SET ended_at = now()
    WHERE purpose = ${purpose} AND user_id IS NOT DISTINCT FROM ${rows[0]?.userId ?? null}
      AND used_at IS NULL AND ended_at IS NULL`;
  return true;
}

/** Ends every open link of a person, in the transaction of the act that ends them. */
export async function endLinksOf(tx: Db, userId: string): Promise<number> {
  return tx.$executeRaw`
    UPDATE one_time_links SET ended_at = now()
    WHERE user_id = ${userId} AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()`;
}

/** When the open link of each of these people expires; a person without one is left out. */
export async function openLinkExpiries(
  db: Db,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.$queryRaw<{ userId: string; expiresAt: Date }[]>`
    SELECT user_id AS "userId", max(expires_at) AS "expiresAt" FROM one_time_links
    WHERE user_id = ANY (${[...userIds]}) AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()
    GROUP BY user_id`;
  return new Map(rows.map(({ userId, expiresAt }) => [userId, expiresAt]));
}

/** Deletes every link, for a store that was put back to an earlier state. */
export async function forgetEveryLink(client: Pick<PoolClient, 'query'>): Promise<void> {
  await client.query('DELETE FROM one_time_links');
}

/** Deletes links a week after they expired; until then the audit record can say why one was refused. */
export function sweepLinks(db: Db): Promise<number> {
  return db.$executeRaw`DELETE FROM one_time_links WHERE expires_at < now() - interval '7 days'`;
}
