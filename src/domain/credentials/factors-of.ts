import type { Cause } from '../../kernel/cause.ts';
import { recordAudit } from '../audit/index.ts';

import type { Db } from './store.ts';

/** What is stored of a person's factors. */
export interface FactorState {
  readonly passkeys: number;
  readonly password: boolean;
  readonly totp: boolean;
}

const NONE: FactorState = { passkeys: 0, password: false, totp: false };

/** Whether these factors are enough for a session: a passkey, or a password with its second factor. */
export function isEnough({ passkeys, password, totp }: FactorState): boolean {
  return passkeys > 0 || (password && totp);
}

/** The factors of these people; a person without any is left out. */
export async function factorsByUser(
  db: Db,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, FactorState>> {
  const rows = await db.$queryRaw<({ userId: string } & FactorState)[]>`
    SELECT u.id AS "userId",
           (SELECT count(*)::int FROM passkeys k WHERE k.user_id = u.id) AS passkeys,
           EXISTS (SELECT 1 FROM passwords p WHERE p.user_id = u.id) AS password,
           EXISTS (SELECT 1 FROM totp_factors t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS totp
    FROM users u WHERE u.id = ANY (${[...userIds]})`;
  return new Map(rows.map(({ userId, ...state }) => [userId, state]));
}

/** The factors of one person. */
export async function factorsOf(db: Db, userId: string): Promise<FactorState> {
  return (await factorsByUser(db, [userId])).get(userId) ?? NONE;
}

/**
 * Removes every factor of a person, in the transaction of the act that does so, with a record for each
 * kind. Returns what there was.
 */
export async function removeEveryFactor(tx: Db, userId: string, cause: Cause): Promise<FactorState> {
  const passkeys = await tx.passkey.findMany({ where: { userId }, select: { id: true } });
  await tx.passkey.deleteMany({ where: { userId } });
  const { count: passwords } = await tx.password.deleteMany({ where: { userId } });
  const { count: totps } = await tx.totp.deleteMany({ where: { userId } });
  await tx.securityNotice.deleteMany({ where: { userId } });

  const entry = { outcome: 'success', reason: 'removed', subject: userId } as const;
  for (const { id } of passkeys)
    await recordAudit(tx, { ...entry, event: 'passkey.removed', detail: { passkey: id } }, cause);
  if (passwords > 0) await recordAudit(tx, { ...entry, event: 'password.changed' }, cause);
  if (totps > 0) await recordAudit(tx, { ...entry, event: 'totp.removed' }, cause);
  return { passkeys: passkeys.length, password: passwords > 0, totp: totps > 0 };
}
