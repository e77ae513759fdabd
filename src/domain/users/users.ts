import { NotFound } from '../../kernel/errors.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import { recordAudit } from '../audit/index.ts';
import type { Passwords, TotpProposal, Totps } from '../credentials/index.ts';
import { findTenant } from '../tenants/index.ts';

import type { Db, PrismaClient } from './store.ts';
import { insertUser, normalizeEmail, type User, validEmail, validName } from './user.ts';

/** A person to be added. */
export interface NewUser {
  readonly email: string;
  readonly name: string;
  /** Stored, but never enough to sign in with. */
  readonly password?: string | undefined;
  /** Makes a seed for one-time codes. */
  readonly totp?: boolean | undefined;
  /** `member` unless said otherwise. */
  readonly role?: string | undefined;
  /** Id or name of a tenant; `default` unless said otherwise. */
  readonly tenant?: string | undefined;
}

/** A person who was just added. The seed is shown this once. */
export interface AddedUser {
  readonly id: string;
  readonly email: string;
  readonly totp?: TotpProposal;
}

/** People: added by an administrator or by set-up, disabled and enabled, never renamed into another. */
export interface Users {
  /**
   * @throws InvalidInput when the address, the name, the password or the role will not do.
   * @throws AlreadyExists when the address is taken.
   * @throws NotFound when there is no such tenant.
   */
  add(user: NewUser, origin: Origin): Promise<AddedUser>;
  find(userId: string): Promise<User | undefined>;
  findByEmail(email: string): Promise<User | undefined>;
  /** By address; with a tenant (id or name), its members only. */
  list(tenant?: string): Promise<readonly User[]>;
  /**
   * Shuts a person out: in one transaction, all their sessions end and all their grants are revoked.
   * Disabling again changes nothing.
   *
   * @throws NotFound
   */
  disable(userId: string, origin: Origin): Promise<void>;
  /**
   * Lets a person sign in again. What ended when they were disabled stays ended.
   *
   * @throws NotFound
   */
  enable(userId: string, origin: Origin): Promise<void>;
}

/** Ends what a person has, in the transaction of the action, with a record for each. */
export type EndAllOf = (tx: Db, userId: string, reason: 'user_disabled', origin: Origin) => Promise<unknown>;

interface Deps {
  readonly prisma: PrismaClient;
  readonly passwords: Passwords;
  readonly totps: Totps;
  /** `endAllOf` of `domain/sessions`, which knows people, so that people cannot know it. */
  readonly endSessionsOf: EndAllOf;
  /** `revokeGrantsOf` of `domain/grants`. */
  readonly revokeGrantsOf: EndAllOf;
}

export function createUsers({ prisma, passwords, totps, endSessionsOf, revokeGrantsOf }: Deps): Users {
  return {
    async add({ role = 'member', tenant = DEFAULT_TENANT, password, totp = false, ...given }, origin) {
      const email = validEmail(given.email);
      const name = validName(given.name);
      const tenantId = await findTenant(prisma, tenant);
      const hash = password === undefined ? undefined : await passwords.hash(password);
      const proposal = totp ? totps.propose(email) : undefined;

      const id = await prisma.$transaction(async (tx) => {
        const userId = await insertUser(tx, { email, name, tenantId, roles: [role] }, origin);
        if (hash !== undefined) await passwords.store(tx, userId, hash, origin);
        if (proposal) await totps.enrol(tx, { userId, secret: proposal.secret }, origin);
        return userId;
      });
      return { id, email, ...(proposal ? { totp: proposal } : {}) };
    },

    async find(userId) {
      const user = await prisma.user.findUnique({ where: { id: userId } });
      return user ? toUser(user) : undefined;
    },

    async findByEmail(email) {
      const user = await prisma.user.findUnique({ where: { email: normalizeEmail(email) } });
      return user ? toUser(user) : undefined;
    },

    async list(tenant) {
      const members =
        tenant === undefined ? {} : { memberships: { some: { tenantId: await findTenant(prisma, tenant) } } };
      const users = await prisma.user.findMany({ where: members, orderBy: { email: 'asc' } });
      return users.map(toUser);
    },

    async disable(userId, origin) {
      await prisma.$transaction(async (tx) => {
        if (!(await switchUser(tx, userId, { disabled: true }))) return;
        await recordAudit(tx, { event: 'user.disabled', outcome: 'success', subject: userId }, origin);
        await endSessionsOf(tx, userId, 'user_disabled', origin);
        await revokeGrantsOf(tx, userId, 'user_disabled', origin);
      });
    },

    async enable(userId, origin) {
      await prisma.$transaction(async (tx) => {
        if (!(await switchUser(tx, userId, { disabled: false }))) return;
        await recordAudit(tx, { event: 'user.enabled', outcome: 'success', subject: userId }, origin);
      });
    },
  };
}

/**
 * Answers whether anything changed. The row stays locked until the commit: a sign-in or a token
 * under way has either committed, and is ended with the rest, or sees a disabled person.
 *
 * @throws NotFound
 */
async function switchUser(tx: Db, userId: string, { disabled }: { disabled: boolean }): Promise<boolean> {
  const changed = await tx.$executeRaw`
    UPDATE users SET disabled_at = CASE WHEN ${disabled}::boolean THEN now() END
    WHERE id = ${userId} AND (disabled_at IS NULL) = ${disabled}::boolean`;
  if (changed === 1) return true;
  if ((await tx.user.count({ where: { id: userId } })) === 0)
    throw new NotFound(`there is no user ${userId}`);
  return false;
}

function toUser(row: {
  id: string;
  email: string;
  name: string;
  createdAt: Date;
  disabledAt: Date | null;
}): User {
  const { id, email, name, createdAt, disabledAt } = row;
  return { id, email, name, createdAt, disabledAt: disabledAt ?? undefined };
}
