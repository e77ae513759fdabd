import type { Cause } from '../../kernel/cause.ts';
import { type FactorState, factorsByUser, isEnough, type TotpProposal } from '../credentials/index.ts';
import { openLinkExpiries } from '../links/index.ts';
import { allRolesOf, findTenant, type RolesIn, rolesByUser, withMember } from '../tenants/index.ts';

import { createAdministration, type UserAdministration } from './administer.ts';
import type { UsersDeps } from './deps.ts';
import { makeSignInLink, type SignInLink } from './link-url.ts';
import { insertUser, normalizeEmail, type User, validEmail, validName } from './user.ts';

/** A person to be added. */
export interface NewUser {
  readonly email: string;
  readonly name: string;
  /** Stored, but never enough to sign in with. */
  readonly password?: string | undefined;
  /** Makes a seed for one-time codes. */
  readonly totp?: boolean | undefined;
  /** `member` unless said otherwise; `member` is given beside `admin`. */
  readonly role?: string | undefined;
  /** Id or name of a tenant; `default` unless said otherwise. */
  readonly tenant: string;
}

/** A person who was just added. Seed and link are shown this once. */
export interface AddedUser {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly totp?: TotpProposal;
  /** Absent where password and seed were both made. */
  readonly enrolment?: SignInLink;
}

/** A person as an administrator sees them. */
export interface ListedUser extends User {
  readonly roles: readonly RolesIn[];
  readonly factors: FactorState;
  /** Whether the factors are enough for a session. */
  readonly canSignIn: boolean;
  /** When the open one-time link expires, where there is one. */
  readonly linkExpiresAt: Date | undefined;
}

/** People: added by an administrator or by set-up, and what an administrator does with them afterwards. */
export interface Users extends UserAdministration {
  /**
   * Adds a person. Unless both a password and a seed are made, a one-time enrolment link is made, so that no
   * account is made that can never sign in.
   *
   * @throws InvalidInput when the address, the name, the password or the role is not valid.
   * @throws AlreadyExists when the address is taken.
   * @throws NotFound when there is no such tenant.
   */
  add(user: NewUser, cause: Cause): Promise<AddedUser>;
  find(userId: string): Promise<User | undefined>;
  findByEmail(email: string): Promise<User | undefined>;
  /** Returns the addresses of those of the ids that are users, by id. */
  emails(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** By address, with roles and factors; with a tenant (id or name), its members only. */
  list(tenant?: string): Promise<readonly ListedUser[]>;
  /** The person's roles in every tenant. */
  roles(userId: string): Promise<readonly RolesIn[]>;
}

export function createUsers(deps: UsersDeps): Users {
  const { prisma, issuer, lifetimes, passwords, totps } = deps;
  return {
    ...createAdministration(deps),

    async add({ role = 'member', tenant, password, totp = false, ...given }, cause) {
      const email = validEmail(given.email);
      const name = validName(given.name);
      const roles = withMember([role]);
      const tenantId = await findTenant(prisma, tenant);
      const hash = password === undefined ? undefined : await passwords.hash(password);
      const proposal = totp ? totps.propose(email) : undefined;

      return prisma.$transaction(async (tx) => {
        const userId = await insertUser(tx, { email, name, tenantId, roles }, cause);
        if (hash !== undefined) await passwords.store(tx, userId, hash, cause);
        if (proposal) await totps.enrol(tx, { userId, secret: proposal.secret }, cause);
        const added = { id: userId, email, roles, ...(proposal ? { totp: proposal } : {}) };
        if (hash !== undefined && proposal) return added;
        const lifetime = lifetimes.enrolmentLink;
        const owner = { userId, email };
        const enrolment = await makeSignInLink(tx, { issuer, purpose: 'enrolment', owner, lifetime }, cause);
        return { ...added, enrolment };
      });
    },

    async find(userId) {
      const user = await prisma.user.findUnique({ where: { id: userId } });
      return user ? toUser(user) : undefined;
    },

    async emails(ids) {
      const found = await prisma.user.findMany({
        where: { id: { in: [...new Set(ids)] } },
        select: { id: true, email: true },
      });
      return new Map(found.map(({ id, email }) => [id, email]));
    },

    async findByEmail(email) {
      const user = await prisma.user.findUnique({ where: { email: normalizeEmail(email) } });
      return user ? toUser(user) : undefined;
    },

    async list(tenant) {
      const members =
        tenant === undefined ? {} : { memberships: { some: { tenantId: await findTenant(prisma, tenant) } } };
      const users = await prisma.user.findMany({ where: members, orderBy: { email: 'asc' } });
      const ids = users.map(({ id }) => id);
      const [roles, factors, links] = await Promise.all([
        rolesByUser(prisma, ids),
        factorsByUser(prisma, ids),
        openLinkExpiries(prisma, ids),
      ]);
      return users.map((user) => {
        const theirs = factors.get(user.id) ?? { passkeys: 0, password: false, totp: false };
        return {
          ...toUser(user),
          roles: roles.get(user.id) ?? [],
          factors: theirs,
          canSignIn: isEnough(theirs),
          linkExpiresAt: links.get(user.id),
        };
      });
    },

    roles: (userId) => allRolesOf(prisma, userId),
  };
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
