import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDataKeys } from '../../../test/support/data-keys.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';
import { createAttempts, createPasswords, createTotps } from '../credentials/index.ts';
import { hasAdministrator, isAdministrator, rolesOf, seedDefaultTenant } from '../tenants/index.ts';

import type { EndAllOf, EndOfUser } from './deps.ts';
import { createUsers, type Users } from './users.ts';

const cause = byHousekeeping('test');
const ended: string[] = [];
let test: TestDatabase;
let users: Users;
let failing = false;

beforeAll(async () => {
  test = await createTestDatabase();
  const { prisma } = test.database;
  const sealer = await newDataKeys(test.database.pool);
  const endAllOf =
    (what: string): EndAllOf<EndOfUser> =>
    async (_tx, userId, reason) => {
      if (failing) throw new Error('the store is gone');
      ended.push(`${what} of ${userId}: ${reason}`);
      return 1;
    };
  users = createUsers({
    prisma,
    issuer: 'https://id.example',
    lifetimes: { enrolmentLink: 86_400, recoveryLink: 86_400 },
    attempts: createAttempts({ prisma, lifetime: 600 }),
    passwords: createPasswords({ prisma, concurrency: 2 }),
    totps: createTotps({
      prisma,
      sealer,
      clock: systemClock,
      issuer: 'https://id.example',
      proposals: randomBytes(32),
    }),
    endSessionsOf: endAllOf('sessions'),
    endConnectionsOf: endAllOf('connections'),
  });
});
afterAll(() => test.drop());

describe('the default tenant', () => {
  it('is made once, by any number of processes, and keeps what was changed', async () => {
    const { prisma, pool } = test.database;
    await Promise.all(Array.from({ length: 8 }, () => seedDefaultTenant(pool, DEFAULT_TENANT)));
    const roles = await prisma.role.findMany({ orderBy: { name: 'asc' }, include: { permits: true } });
    expect(roles).toMatchObject([
      { name: 'admin', tenantId: DEFAULT_TENANT, permits: [] },
      { name: 'member', tenantId: DEFAULT_TENANT, permits: [] },
    ]);

    await prisma.role.delete({ where: { tenantId_name: { tenantId: DEFAULT_TENANT, name: 'admin' } } });
    await seedDefaultTenant(pool, DEFAULT_TENANT);
    expect(await prisma.role.count()).toBe(1);
    await prisma.tenant.delete({ where: { id: DEFAULT_TENANT } });
    await seedDefaultTenant(pool, DEFAULT_TENANT);
    expect(await prisma.role.count()).toBe(2);
  });
});

describe('users', () => {
  it('are added with an address in lower case, a factor and a role', async () => {
    const added = await users.add(
      {
        tenant: DEFAULT_TENANT,
        email: ' Ada@Example.COM',
        name: ' Ada ',
        password: 'correct horse battery',
        totp: true,
      },
      cause,
    );

    expect(added).toMatchObject({
      email: 'ada@example.com',
      totp: { secret: expect.stringMatching(/^[A-Z2-7]{32}$/) },
    });
    expect(await users.findByEmail('ADA@example.com')).toMatchObject({ id: added.id, name: 'Ada' });
    expect(await rolesOf(test.database.prisma, added.id, DEFAULT_TENANT)).toEqual(['member']);
    const trail = await test.database.prisma.auditRecord.findMany({ where: { subject: added.id } });
    expect(trail.map(({ event }) => event).sort()).toEqual([
      'password.changed',
      'totp.enrolled',
      'user.added',
    ]);
  });

  it('are not added twice, also not at the same time', async () => {
    const add = () => users.add({ tenant: DEFAULT_TENANT, email: 'twice@example.com', name: 'Twice' }, cause);
    const results = await Promise.allSettled([add(), add(), add()]);
    const codes = results
      .map((result) => (result.status === 'rejected' ? result.reason.code : 'added'))
      .sort();
    expect(codes).toEqual(['added', 'already_exists', 'already_exists']);
  });

  it.each([
    [{ email: 'no address' }, 'invalid_input'],
    [{ email: 'a@b@c' }, 'invalid_input'],
    [{ email: `${'a'.repeat(250)}@example.com` }, 'invalid_input'],
    [{ email: 'rtl\u202e@example.com' }, 'invalid_input'],
    [{ name: '' }, 'invalid_input'],
    [{ name: 'a\nb' }, 'invalid_input'],
    [{ password: 'short' }, 'invalid_input'],
    [{ role: 'emperor' }, 'invalid_input'],
    [{ tenant: 'nowhere' }, 'not_found'],
  ])('are not added with %j', async (fault, code) => {
    const user = { email: 'new@example.com', name: 'New', ...fault };
    await expect(users.add({ tenant: DEFAULT_TENANT, ...user }, cause)).rejects.toMatchObject({ code });
    expect(await users.findByEmail('new@example.com')).toBeUndefined();
  });

  it('are listed by address, and by tenant', async () => {
    const emails = (await users.list()).map(({ email }) => email);
    expect(emails).toEqual(['ada@example.com', 'twice@example.com']);
    expect(await users.list('default')).toHaveLength(2);
    await expect(users.list('nowhere')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('lose sessions and grants when they are disabled, once, and may come back', async () => {
    const { id } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'leaver@example.com', name: 'Leaver' },
      cause,
    );
    await users.disable(id, cause);
    await users.disable(id, cause);
    expect(ended).toEqual([`sessions of ${id}: user_disabled`, `connections of ${id}: user_disabled`]);
    expect((await users.find(id))?.disabledAt).toBeInstanceOf(Date);

    await users.enable(id, cause);
    expect((await users.find(id))?.disabledAt).toBeUndefined();
    const trail = await test.database.prisma.auditRecord.findMany({
      where: { subject: id },
      orderBy: { time: 'asc' },
    });
    expect(trail.map(({ event }) => event)).toEqual([
      'user.added',
      'link.created',
      'user.disabled',
      'user.enabled',
    ]);
    await expect(users.disable('usr_nobody', cause)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('stay enabled when what they have cannot be ended', async () => {
    const { id } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'half@example.com', name: 'Half' },
      cause,
    );
    failing = true;
    await expect(users.disable(id, cause)).rejects.toThrow('the store is gone');
    failing = false;

    expect((await users.find(id))?.disabledAt).toBeUndefined();
    expect(
      await test.database.prisma.auditRecord.count({ where: { subject: id, event: 'user.disabled' } }),
    ).toBe(0);
  });

  it('administer when they are said to', async () => {
    const { prisma } = test.database;
    expect(await hasAdministrator(prisma, DEFAULT_TENANT)).toBe(false);
    const { id } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'admin@example.com', name: 'Admin', role: 'admin' },
      cause,
    );
    expect(await hasAdministrator(prisma, DEFAULT_TENANT)).toBe(true);
    expect(await isAdministrator(prisma, id, DEFAULT_TENANT)).toBe(true);
  });
});

describe('the role of a person', () => {
  const administrator = async (email: string) =>
    (await users.add({ tenant: DEFAULT_TENANT, email, name: 'Admin', role: 'admin' }, cause)).id;
  /** Leaves exactly these administrators. */
  const onlyAdministrators = async (...ids: readonly string[]) => {
    await test.database.prisma.membership.deleteMany({
      where: { role: { name: 'admin' }, userId: { notIn: [...ids] } },
    });
  };

  it('NEW-3: user add gives member beside admin, and an unknown role lists the roles', async () => {
    const id = await administrator('both@example.com');
    expect(await rolesOf(test.database.prisma, id, DEFAULT_TENANT)).toEqual(['admin', 'member']);
    const banana = users.add(
      { tenant: DEFAULT_TENANT, email: 'banana@example.com', name: 'B', role: 'banana' },
      cause,
    );
    await expect(banana).rejects.toThrow('the tenant has no role banana; it has: admin, member');
    await expect(users.setRoles(id, ['banana'], cause, { tenant: DEFAULT_TENANT })).rejects.toThrow(
      'admin, member',
    );
  });

  it('NEW-3, NEW-16: the last administrator cannot be disabled, removed or demoted unless forced', async () => {
    const last = await administrator('last@example.com');
    const other = await administrator('other@example.com');
    await onlyAdministrators(last, other);
    await users.disable(other, cause);

    for (const act of [
      () => users.disable(last, cause),
      () => users.remove(last, cause),
      () => users.setRoles(last, ['member'], cause, { tenant: DEFAULT_TENANT }),
    ]) {
      await expect(act()).rejects.toThrow('--force');
    }
    expect((await users.find(last))?.disabledAt).toBeUndefined();
    expect(await rolesOf(test.database.prisma, last, DEFAULT_TENANT)).toEqual(['admin', 'member']);

    await users.enable(other, cause);
    expect(await users.setRoles(last, ['member'], cause, { tenant: DEFAULT_TENANT })).toEqual(['member']);
    await users.remove(other, cause, { force: true });
    expect(await users.find(other)).toBeUndefined();
    expect(await hasAdministrator(test.database.prisma, DEFAULT_TENANT)).toBe(false);
  });

  it('NEW-3: of two administrators who are shut out at once, by any two acts, one stays', async () => {
    const acts = [
      (id: string) => users.disable(id, cause),
      (id: string) => users.remove(id, cause),
      (id: string) => users.setRoles(id, ['member'], cause, { tenant: DEFAULT_TENANT }),
    ];
    for (const [index, first] of acts.entries()) {
      for (const second of acts.slice(index)) {
        const suffix = `${Math.random()}@example.com`;
        const [one, two] = [await administrator(`one${suffix}`), await administrator(`two${suffix}`)];
        await onlyAdministrators(one, two);
        const results = await Promise.allSettled([first(one), second(two)]);
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      }
    }
  });

  it('NEW-3: user rename changes the address, and refuses one that is taken', async () => {
    const { id } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'before@example.com', name: 'Before' },
      cause,
    );
    await users.rename(id, { email: 'After@example.com', name: 'After' }, cause);
    expect(await users.findByEmail('after@example.com')).toMatchObject({ id, name: 'After' });
    await expect(users.rename(id, { email: 'twice@example.com' }, cause)).rejects.toMatchObject({
      code: 'already_exists',
    });
    await expect(users.rename('usr_nobody', { name: 'N' }, cause)).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('NEW-3: user list says who can sign in, and how', async () => {
    const factors = { password: 'correct horse battery', totp: true };
    await users.add({ tenant: DEFAULT_TENANT, email: 'l1@example.com', name: 'L', ...factors }, cause);
    await users.add(
      { tenant: DEFAULT_TENANT, email: 'l2@example.com', name: 'L', password: factors.password },
      cause,
    );
    const listed = (await users.list()).filter(({ email }) => /^l\d@/.test(email));

    expect(listed).toMatchObject([
      {
        canSignIn: true,
        factors: { passkeys: 0, password: true, totp: true },
        linkExpiresAt: undefined,
        roles: [{ tenant: 'default', roles: ['member'] }],
      },
      {
        canSignIn: false,
        factors: { passkeys: 0, password: true, totp: false },
        linkExpiresAt: expect.any(Date),
      },
    ]);
  });
});
