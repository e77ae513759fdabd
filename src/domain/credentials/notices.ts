import { newId } from '../../kernel/ids.ts';

import type { Browser } from './browser.ts';
import type { Db } from './store.ts';

/** A factor that was added and that its owner has not confirmed yet. */
export interface Notice {
  readonly id: string;
  readonly kind: 'passkey_added' | 'password_set';
  /** Name of the passkey; `undefined` where it was removed since. */
  readonly name: string | undefined;
  readonly network: string | undefined;
  readonly userAgent: string | undefined;
  readonly createdAt: Date;
}

/** Which session asks: what it was signed in with, and when. */
export interface NoticeReader {
  readonly id: string;
  readonly user: { readonly id: string };
  readonly passkeyId: string | undefined;
  readonly amr: readonly string[];
  readonly authTime: Date;
}

/** Keeps that a factor was added, in the transaction that adds it. */
export async function addNotice(
  tx: Db,
  notice: {
    readonly userId: string;
    readonly kind: Notice['kind'];
    readonly passkeyId?: string;
    /** The session that added it. */
    readonly sessionId: string;
  },
  { origin, userAgent }: Browser,
): Promise<void> {
  await tx.securityNotice.create({
    data: {
      ...notice,
      id: newId('ntc'),
      network: origin.network ?? null,
      userAgent: userAgent?.slice(0, 300) ?? null,
    },
  });
}

/**
 * The notices that this session may see and acknowledge, the oldest first.
 *
 * A session that was signed in with a factor of an open notice gets none, so that an attacker who added a
 * factor cannot confirm it with that factor; nor does the session that added it, until its next sign-in.
 */
export async function pendingNotices(
  db: Db,
  { id, user, passkeyId, amr, authTime }: NoticeReader,
): Promise<readonly Notice[]> {
  const notices = await db.securityNotice.findMany({
    where: { userId: user.id },
    orderBy: { createdAt: 'asc' },
  });
  const isOwn = notices.some((notice) =>
    notice.kind === 'password_set'
      ? amr.includes('pwd')
      : notice.passkeyId !== null && notice.passkeyId === passkeyId,
  );
  if (isOwn) return [];
  const ids = notices.flatMap(({ passkeyId: added }) => added ?? []);
  const passkeys = await db.passkey.findMany({
    where: { id: { in: ids } },
    select: { id: true, name: true },
  });
  const names = new Map(passkeys.map((passkey) => [passkey.id, passkey.name]));
  return notices
    .filter(({ sessionId, createdAt }) => sessionId !== id || createdAt < authTime)
    .map((notice) => ({
      id: notice.id,
      kind: notice.kind as Notice['kind'],
      name: names.get(notice.passkeyId ?? ''),
      network: notice.network ?? undefined,
      userAgent: notice.userAgent ?? undefined,
      createdAt: notice.createdAt,
    }));
}

/** Deletes the notices of these ids that the session may acknowledge. Returns how many. */
export async function acknowledgeNotices(
  tx: Db,
  reader: NoticeReader,
  ids: readonly string[],
): Promise<number> {
  const visible = (await pendingNotices(tx, reader)).map(({ id }) => id).filter((id) => ids.includes(id));
  const { count } = await tx.securityNotice.deleteMany({ where: { id: { in: visible } } });
  return count;
}
