import type { Prisma } from '../../platform/database/generated/client.ts';
import { ADVISORY_LOCKS } from '../../platform/database/index.ts';

import type { DataKeys } from './data-keys.ts';
import type { PublicJwk } from './key.ts';
import { type AuthenticatedRow, authenticateKey, isAuthentic, SIGNING_KEY_TEXT } from './key-mac.ts';
import { runIn } from './run.ts';

/** What moves keys from state to state works inside the transaction of its audit record. */
type Tx = Prisma.TransactionClient;

const KEYS_LOCK = ADVISORY_LOCKS.signingKeys;

/** Waits for its turn among all processes; held to the end of the transaction. */
export async function lockKeys(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${KEYS_LOCK})`;
}

/** Takes the turn if it is free, and answers whether it was. */
export async function tryLockKeys(tx: Tx): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ mine: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${KEYS_LOCK}) AS mine`;
  return row?.mine === true;
}

/** The key that signs next, or now. */
export interface KeyInTurn {
  readonly kid: string;
  readonly algorithm: string;
  readonly state: 'next' | 'current';
  /** Since when it signs, or from when on. */
  readonly effectiveAt: Date;
}

/** The one key in this state, of which there is never a second. */
export async function findKey(
  tx: Pick<Tx, 'signingKey'>,
  state: 'next' | 'current',
): Promise<KeyInTurn | undefined> {
  const found = await tx.signingKey.findFirst({ where: { state } });
  const effectiveAt = state === 'next' ? found?.promoteAt : found?.promotedAt;
  return found && effectiveAt
    ? { kid: found.kid, algorithm: found.algorithm, state, effectiveAt }
    : undefined;
}

/**
 * Returns the keys that a compromise dropped in the last `seconds`. Their rows carry a MAC: a row that was revoked
 * because it is not authentic, or was written past this program, does not hide a compromise.
 */
export async function findRevokedWithin(
  tx: Tx,
  dataKeys: DataKeys,
  seconds: number,
): Promise<readonly string[]> {
  const rows = await runIn(tx)<AuthenticatedRow & { kid: string }>(
    `SELECT kid, mac, ${SIGNING_KEY_TEXT} AS text FROM signing_keys
     WHERE state = 'revoked' AND revoked_at > clock_timestamp() - make_interval(secs => $1::int) ORDER BY kid`,
    [seconds],
  );
  const authentic: string[] = [];
  for (const row of rows) if (await isAuthentic(dataKeys, row)) authentic.push(row.kid);
  return authentic;
}

/** Whether the key has been current for this many seconds. */
export async function hasSignedFor(tx: Tx, kid: string, seconds: number): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM signing_keys
    WHERE kid = ${kid} AND promoted_at <= clock_timestamp() - make_interval(secs => ${seconds}::int)`;
  return rows.length > 0;
}

/** Keeps a new key as `next`, to sign in `publication` seconds; answers when that is. */
export async function insertNextKey(
  tx: Tx,
  dataKeys: DataKeys,
  publicJwk: PublicJwk,
  privateSealed: Buffer,
  { publication, tokenLifetime }: { readonly publication: number; readonly tokenLifetime: number },
): Promise<Date> {
  // Times are the database's own, which also judges them, and taken after any wait for the lock.
  const [row] = await tx.$queryRaw<{ promote_at: Date }[]>`
    INSERT INTO signing_keys
      (kid, algorithm, public_jwk, private_sealed, state, token_lifetime, created_at, promote_at)
    SELECT ${publicJwk.kid}, ${publicJwk.alg}, ${JSON.stringify(publicJwk)}::jsonb,
      ${new Uint8Array(privateSealed)}, 'next', ${tokenLifetime}::int,
      now, now + make_interval(secs => ${publication}::int)
    FROM (SELECT clock_timestamp() AS now) AS time
    RETURNING promote_at`;
  if (!row) throw new Error('the new key was not kept');
  await authenticateKey(runIn(tx), dataKeys, publicJwk.kid);
  return row.promote_at;
}

/** The next key, if it is time that it signs. */
export async function findDueKey(tx: Tx): Promise<{ readonly kid: string } | undefined> {
  const [row] = await tx.$queryRaw<{ kid: string }[]>`
    SELECT kid FROM signing_keys WHERE state = 'next' AND promote_at <= clock_timestamp()`;
  return row;
}

/** Makes a next key the one that signs; the one before is no longer current by then. */
export async function promoteKey(tx: Tx, dataKeys: DataKeys, kid: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE signing_keys SET state = 'current', promoted_at = clock_timestamp() WHERE kid = ${kid}`;
  await authenticateKey(runIn(tx), dataKeys, kid);
}

/**
 * Lets the current key sign no more: published for as long as its tokens may live and `skew` seconds, its
 * private part destroyed, since nothing needs it again. Answers its kid.
 */
export async function retireCurrentKey(
  tx: Tx,
  dataKeys: DataKeys,
  { tokenLifetime, skew }: { readonly tokenLifetime: number; readonly skew: number },
): Promise<string | undefined> {
  const [row] = await tx.$queryRaw<{ kid: string }[]>`
    UPDATE signing_keys SET state = 'retired', private_sealed = NULL, retired_at = clock_timestamp(),
      token_lifetime = greatest(token_lifetime, ${tokenLifetime}::int),
      published_until = clock_timestamp()
        + make_interval(secs => greatest(token_lifetime, ${tokenLifetime}::int) + ${skew}::int)
    WHERE state = 'current' RETURNING kid`;
  if (row) await authenticateKey(runIn(tx), dataKeys, row.kid);
  return row?.kid;
}

/** Drops every key that is published, and destroys its private part. Answers their kids. */
export async function revokePublishedKeys(tx: Tx): Promise<readonly string[]> {
  const rows = await tx.$queryRaw<{ kid: string }[]>`
    UPDATE signing_keys SET state = 'revoked', private_sealed = NULL, mac = NULL, revoked_at = clock_timestamp()
    WHERE state IN ('next', 'current') OR state = 'retired' AND published_until > now()
    RETURNING kid`;
  return rows.map(({ kid }) => kid);
}
