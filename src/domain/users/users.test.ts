import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';
import { createSealer } from '../../platform/crypto/seal.ts';
import { createPasswords, createTotps } from '../credentials/index.ts';
import { hasAdministrator, isAdministrator, rolesOf, seedDefaultTenant } from '../tenants/index.ts';

import { createUsers, type EndAllOf, type Users } from './users.ts';

const origin = { requestId: 'req_test' };
const ended: string[] = [];
let test: TestDatabase;
let users: Users;
let failing = false;

beforeAll(async () => {
  test = await createTestDatabase();
  const { prisma } = test.database;
  const sealer = createSealer(randomBytes(32));
  const endAllOf =
    (what: string): EndAllOf =>
    async (_tx, userId, reason) => {
      if (failing) throw new Error('the store is gone');
      ended.push(`${what} of ${userId}: ${reason}`);
    };
  users = createUsers({
    prisma,
    passwords: createPasswords({ prisma, concurrency: 2 }),
    totps: createTotps({ prisma, sealer, clock: systemClock, issuer: 'https://id.example' }),
    endSessionsOf: endAllOf('sessions'),
    revokeGrantsOf: endAllOf('grants'),
  });
});
afterAll(() => test.drop());

describe('the default tenant', () => {
  it('is made once, by any number of processes, and keeps what was changed', async () => {
    const { prisma, pool } = test.database;
    await Promise.all(Array.from({ length: 8 }, () => seedDefaultTenant(pool)));
    const roles = await prisma.role.findMany({ orderBy: { name: 'asc' }, include: { permits: true } });
    expect(roles).toMatchObject([
      { name: 'admin', tenantId: DEFAULT_TENANT, permits: [] },
      { name: 'member', tenantId: DEFAULT_TENANT, permits: [{ resourceId: null, scope: null }] },
    ]);

    await prisma.rolePermit.deleteMany();
    await seedDefaultTenant(pool);
    expect(await prisma.rolePermit.count()).toBe(0);
  });
});

describe('users', () => {
  it('are added with an address in lower case, a factor and a role', async () => {
    const added = await users.add(
      { email: ' Ada@Example.COM', name: ' Ada ', password: 'correct horse battery', totp: true },
      origin,
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
    const add = () => users.add({ email: 'twice@example.com', name: 'Twice' }, origin);
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
    await expect(users.add(user, origin)).rejects.toMatchObject({ code });
    expect(await users.findByEmail('new@example.com')).toBeUndefined();
  });

  it('are listed by address, and by tenant', async () => {
    const emails = (await users.list()).map(({ email }) => email);
    expect(emails).toEqual(['ada@example.com', 'twice@example.com']);
    expect(await users.list('default')).toHaveLength(2);
    await expect(users.list('nowhere')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('lose sessions and grants when they are disabled, once, and may come back', async () => {
    const { id } = await users.add({ email: 'leaver@example.com', name: 'Leaver' }, origin);
    await users.disable(id, origin);
    await users.disable(id, origin);
    expect(ended).toEqual([`sessions of ${id}: user_disabled`, `grants of ${id}: user_disabled`]);
    expect((await users.find(id))?.disabledAt).toBeInstanceOf(Date);

    await users.enable(id, origin);
    expect((await users.find(id))?.disabledAt).toBeUndefined();
    const trail = await test.database.prisma.auditRecord.findMany({
      where: { subject: id },
      orderBy: { time: 'asc' },
    });
    expect(trail.map(({ event }) => event)).toEqual(['user.added', 'user.disabled', 'user.enabled']);
    await expect(users.disable('usr_nobody', origin)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('stay enabled when what they have cannot be ended', async () => {
    const { id } = await users.add({ email: 'half@example.com', name: 'Half' }, origin);
    failing = true;
    await expect(users.disable(id, origin)).rejects.toThrow('the store is gone');
    failing = false;

    expect((await users.find(id))?.disabledAt).toBeUndefined();
    expect(
      await test.database.prisma.auditRecord.count({ where: { subject: id, event: 'user.disabled' } }),
    ).toBe(0);
  });

  it('administer when they are said to', async () => {
    const { prisma } = test.database;
    expect(await hasAdministrator(prisma, DEFAULT_TENANT)).toBe(false);
    const { id } = await users.add({ email: 'admin@example.com', name: 'Admin', role: 'admin' }, origin);
    expect(await hasAdministrator(prisma, DEFAULT_TENANT)).toBe(true);
    expect(await isAdministrator(prisma, id, DEFAULT_TENANT)).toBe(true);
  });
});
