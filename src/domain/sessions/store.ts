import { networkKey } from '../../kernel/network.ts';
import { Prisma } from '../../platform/database/generated/client.ts';

import { type Session, type SessionRow, toSession } from './session.ts';

export type { PrismaClient } from '../../platform/database/generated/client.ts';

/** A Prisma client, or the transaction of the action. */
export type Db = Prisma.TransactionClient;

/** What a session is made of, or made new with. */
export interface SessionFacts {
  readonly id: string;
  readonly tokenHash: Buffer;
  readonly userId: string;
  readonly passkeyId: string | undefined;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly userAgent: string | undefined;
  readonly network: string | undefined;
  /** Whole seconds. */
  readonly lifetime: number;
}

const COLUMNS = Prisma.sql`
  s.id, s.user_id AS "userId", u.email, u.name, s.passkey_id AS "passkeyId", s.auth_time AS "authTime",
  EXTRACT(EPOCH FROM now() - s.auth_time)::float8 AS "authAge",
  s.acr, s.amr, s.user_agent AS "userAgent", s.network, s.created_at AS "createdAt",
  s.last_seen_at AS "lastSeenAt", s.expires_at AS "expiresAt"`;

/**
 * The person, if they may have a session. The lock makes disabling them wait for our commit, and then
 * it finds the session that we made.
 */
const person = (userId: string) => Prisma.sql`
  SELECT id, email, name FROM users WHERE id = ${userId} AND disabled_at IS NULL FOR SHARE`;

const alive = (idle: number) => Prisma.sql`
  s.ended_at IS NULL AND s.expires_at > now() AND s.last_seen_at > now() - make_interval(secs => ${idle}::int)
  AND u.disabled_at IS NULL`;

/** `undefined` when the person does not exist or is disabled. */
export async function insertSession(tx: Db, facts: SessionFacts): Promise<Session | undefined> {
  const rows = await tx.$queryRaw<SessionRow[]>`
    WITH u AS MATERIALIZED (${person(facts.userId)}), s AS (
      INSERT INTO sessions (id, token_hash, user_id, passkey_id, auth_time, acr, amr, user_agent, network, expires_at)
      SELECT ${facts.id}, ${facts.tokenHash}, u.id, ${facts.passkeyId ?? null}, now(), ${facts.acr},
             ${facts.amr}::text[], ${facts.userAgent ?? null}, ${facts.network ?? null},
             now() + make_interval(secs => ${facts.lifetime}::int)
      FROM u
      RETURNING *
    )
    SELECT ${COLUMNS} FROM s JOIN u ON u.id = s.user_id`;
  return rows[0] && toSession(rows[0]);
}

/** `undefined` when the session has ended, or its person may have none. */
export async function renewSession(tx: Db, facts: SessionFacts): Promise<Session | undefined> {
  const rows = await tx.$queryRaw<SessionRow[]>`
    WITH u AS MATERIALIZED (${person(facts.userId)}), s AS (
      UPDATE sessions
      SET token_hash = ${facts.tokenHash}, passkey_id = ${facts.passkeyId ?? null}, auth_time = now(),
          acr = ${facts.acr}, amr = ${facts.amr}::text[], user_agent = ${facts.userAgent ?? null},
          network = ${facts.network ?? null}, last_seen_at = now(),
          expires_at = now() + make_interval(secs => ${facts.lifetime}::int)
      FROM u
      WHERE sessions.id = ${facts.id} AND sessions.user_id = u.id AND sessions.ended_at IS NULL
      RETURNING sessions.*
    )
    SELECT ${COLUMNS} FROM s JOIN u ON u.id = s.user_id`;
  return rows[0] && toSession(rows[0]);
}

/** Also writes that the session was seen, if it was not within the last minute. */
export async function findSession(db: Db, tokenHash: Buffer, idle: number): Promise<Session | undefined> {
  const rows = await db.$queryRaw<(SessionRow & { unseen: boolean })[]>`
    SELECT ${COLUMNS}, s.last_seen_at < now() - interval '1 minute' AS unseen
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.token_hash = ${tokenHash} AND ${alive(idle)}`;
  const row = rows[0];
  if (row?.unseen) await touchSession(db, row.id);
  return row && toSession(row);
}

export async function listSessions(db: Db, userId: string, idle: number): Promise<readonly Session[]> {
  const rows = await db.$queryRaw<SessionRow[]>`
    SELECT ${COLUMNS} FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.user_id = ${userId} AND ${alive(idle)}
    ORDER BY s.last_seen_at DESC`;
  return rows.map(toSession);
}

/** Once a minute is exact enough for an idle timeout, and spares a write on every request. */
async function touchSession(db: Db, id: string): Promise<void> {
  await db.$executeRaw`
    UPDATE sessions SET last_seen_at = now() WHERE id = ${id} AND last_seen_at < now() - interval '1 minute'`;
}

/** Ends what matches and had not ended; answers the ids. */
export async function endSessions(
  tx: Db,
  { userId, id, except }: { readonly userId: string; readonly id?: string; readonly except?: string },
): Promise<readonly string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    UPDATE sessions SET ended_at = now()
    WHERE user_id = ${userId} AND ended_at IS NULL
      AND (${id ?? null}::text IS NULL OR id = ${id ?? null})
      AND (${except ?? null}::text IS NULL OR id <> ${except ?? null})
    RETURNING id`;
  return rows.map((row) => row.id);
}

/** Holds a person's row until the transaction ends, so that an act on the account waits for this sign-in. */
export async function lockPerson(tx: Db, userId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM users WHERE id = ${userId} FOR SHARE`;
}

/** Compares by the key under which networks are throttled: an IPv4 address, an IPv6 /64. */
export async function hasSessionFrom(db: Db, userId: string, network: string): Promise<boolean> {
  const known = await db.session.findMany({
    where: { userId },
    distinct: ['network'],
    select: { network: true },
  });
  const key = networkKey(network);
  return known.some((session) => session.network !== null && networkKey(session.network) === key);
}

/** Sessions are kept for 30 days after their end, for the question whether a network is known. */
export function sweepSessions(db: Db): Promise<number> {
  return db.$executeRaw`
    DELETE FROM sessions WHERE least(coalesce(ended_at, expires_at), expires_at) < now() - interval '30 days'`;
}
