import type { Cause } from '../../kernel/cause.ts';
import { AlreadyExists, NotFound } from '../../kernel/errors.ts';
import { recordAudit } from '../audit/index.ts';
import { type FactorState, removeEveryFactor } from '../credentials/index.ts';
import { endLinksOf } from '../links/index.ts';
import { findTenant, lockTenant, lockTenantsOf, setRoles, withMember } from '../tenants/index.ts';
import { type Insistence, requireAnotherAdministrator } from './another-administrator.ts';
import type { EndOfUser, UsersDeps } from './deps.ts';
import { makeSignInLink, type SignInLink } from './link-url.ts';
import { type Db, isTaken } from './store.ts';
import { validEmail, validName } from './user.ts';

/** What an act ended. */
export interface Ended {
  readonly sessions: number;
  readonly connections: number;
}

/** What a reset ended, and the link with which the person comes back. */
export interface ResetUser extends Ended {
  readonly factors: FactorState;
  readonly link: SignInLink;
  /** The link works only once the person is enabled again. */
  readonly disabled: boolean;
}

/** What an administrator does with a person. Each act is one transaction. */
export interface UserAdministration {
  /**
   * Shuts a person out: ends their sessions and grants, and forgets remembered consents, sign-ins under
   * way and one-time links. Their factors stay. Disabling again changes nothing.
   *
   * @throws NotFound; InvalidInput for the last administrator.
   */
  disable(userId: string, cause: Cause, insistence?: Insistence): Promise<void>;
  /**
   * Lets a person sign in again. What ended when they were disabled stays ended.
   *
   * @throws NotFound
   */
  enable(userId: string, cause: Cause): Promise<void>;
  /**
   * Takes an account back: ends what `disable` ends, removes every factor, and makes a recovery link. The
   * person may sign in again as soon as they have used it.
   *
   * @throws NotFound
   */
  reset(userId: string, cause: Cause): Promise<ResetUser>;
  /**
   * Removes a person with all that they have. Audit records stay.
   *
   * @throws NotFound; InvalidInput for the last administrator.
   */
  remove(userId: string, cause: Cause, insistence?: Insistence): Promise<Ended>;
  /**
   * Changes name or e-mail address. A new address ends one-time links that were made for the old one.
   *
   * @throws NotFound; AlreadyExists when the address is taken; FieldRefused.
   */
  rename(
    userId: string,
    change: { readonly email?: string | undefined; readonly name?: string | undefined },
    cause: Cause,
  ): Promise<void>;
  /**
   * Replaces a person's roles in a tenant (id or name; `default` unless said otherwise). `member` is given
   * beside `admin`. Returns the new roles.
   *
   * @throws NotFound; InvalidInput for an unknown role, and for the last administrator.
   */
  setRoles(
    userId: string,
    roles: readonly string[],
    cause: Cause,
    options: Insistence & { readonly tenant: string },
  ): Promise<readonly string[]>;
}

export function createAdministration({
  prisma,
  issuer,
  lifetimes,
  attempts,
  endSessionsOf,
  endConnectionsOf,
}: UsersDeps): UserAdministration {
  /** Ends what lets a person, or a client in their name, in. */
  const endAccess = async (tx: Db, userId: string, reason: EndOfUser, cause: Cause): Promise<Ended> => {
    const sessions = await endSessionsOf(tx, userId, reason, cause);
    const connections = await endConnectionsOf(tx, userId, reason, cause);
    await attempts.forgetOf(tx, userId);
    await endLinksOf(tx, userId);
    // A consent under way was answered in a session that has just ended: no grant may come of it.
    await tx.$executeRaw`UPDATE users SET sign_ins_valid_from = now() WHERE id = ${userId}`;
    return { sessions, connections };
  };

  return {
    async disable(userId, cause, insistence = {}) {
      await prisma.$transaction(async (tx) => {
        await lockTenantsOf(tx, userId);
        const { disabledAt } = await lockUser(tx, userId);
        if (disabledAt !== null) return;
        await requireAnotherAdministrator(tx, userId, insistence);
        await tx.$executeRaw`UPDATE users SET disabled_at = now() WHERE id = ${userId}`;
        await recordAudit(tx, { event: 'user.disabled', outcome: 'success', subject: userId }, cause);
        await endAccess(tx, userId, 'user_disabled', cause);
      });
    },

    async enable(userId, cause) {
      await prisma.$transaction(async (tx) => {
        const { disabledAt } = await lockUser(tx, userId);
        if (disabledAt === null) return;
        await tx.user.update({ where: { id: userId }, data: { disabledAt: null } });
        await recordAudit(tx, { event: 'user.enabled', outcome: 'success', subject: userId }, cause);
      });
    },

    async reset(userId, cause) {
      return prisma.$transaction(async (tx) => {
        const { email, disabledAt } = await lockUser(tx, userId);
        const ended = await endAccess(tx, userId, 'user_reset', cause);
        const factors = await removeEveryFactor(tx, userId, cause);
        await recordAudit(
          tx,
          { event: 'user.reset', outcome: 'success', subject: userId, detail: { ...ended, ...factors } },
          cause,
        );
        const lifetime = lifetimes.recoveryLink;
        const owner = { userId, email };
        const link = await makeSignInLink(tx, { issuer, purpose: 'recovery', owner, lifetime }, cause);
        return { ...ended, factors, link, disabled: disabledAt !== null };
      });
    },

    async remove(userId, cause, insistence = {}) {
      return prisma.$transaction(async (tx) => {
        await lockTenantsOf(tx, userId);
        await lockUser(tx, userId);
        await requireAnotherAdministrator(tx, userId, insistence);
        const ended = await endAccess(tx, userId, 'user_removed', cause);
        await tx.user.delete({ where: { id: userId } });
        await recordAudit(
          tx,
          { event: 'user.removed', outcome: 'success', subject: userId, detail: { ...ended } },
          cause,
        );
        return ended;
      });
    },

    async rename(userId, change, cause) {
      const email = change.email === undefined ? undefined : validEmail(change.email);
      const name = change.name === undefined ? undefined : validName(change.name);
      try {
        await prisma.$transaction(async (tx) => {
          const before = await lockUser(tx, userId);
          const changed = [
            ...(email !== undefined && email !== before.email ? ['email'] : []),
            ...(name !== undefined && name !== before.name ? ['name'] : []),
          ];
          if (changed.length === 0) return;
          await tx.user.update({
            where: { id: userId },
            data: { email: email ?? before.email, name: name ?? before.name },
          });
          if (changed.includes('email')) {
            await attempts.forgetOf(tx, userId);
            await endLinksOf(tx, userId);
          }
          await recordAudit(
            tx,
            { event: 'user.changed', outcome: 'success', subject: userId, detail: { changed } },
            cause,
          );
        });
      } catch (error) {
        if (isTaken(error)) throw new AlreadyExists(`there is a user ${email} already`);
        throw error;
      }
    },

    async setRoles(userId, wanted, cause, { tenant, force }) {
      const tenantId = await findTenant(prisma, tenant);
      const roles = withMember(wanted);
      await prisma.$transaction(async (tx) => {
        await lockTenant(tx, tenantId);
        await lockUser(tx, userId);
        if (!roles.includes('admin')) await requireAnotherAdministrator(tx, userId, { force, tenantId });
        const before = await setRoles(tx, { tenantId, userId, roles });
        if (before.join() === [...roles].sort().join()) return;
        const detail = { before, after: [...roles].sort() };
        await recordAudit(
          tx,
          { event: 'user.roles_changed', outcome: 'success', tenant: tenantId, subject: userId, detail },
          cause,
        );
      });
      return [...roles].sort();
    },
  };
}

interface LockedUser {
  readonly email: string;
  readonly name: string;
  readonly disabledAt: Date | null;
}

/**
 * Reads a person and holds their row until the commit: a sign-in or a token under way has either committed,
 * and is ended with the rest, or sees what this act left.
 *
 * @throws NotFound
 */
async function lockUser(tx: Db, userId: string): Promise<LockedUser> {
  const rows = await tx.$queryRaw<LockedUser[]>`
    SELECT email, name, disabled_at AS "disabledAt" FROM users WHERE id = ${userId} FOR NO KEY UPDATE`;
  if (!rows[0]) throw new NotFound(`there is no user ${userId}`);
  return rows[0];
}
