import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { newId } from '../../kernel/ids.ts';
import { byPasskey, byPasswordAndCode } from '../credentials/index.ts';

import { createSessions, type OpenedSession, type Sessions } from './sessions.ts';

const cause = byHousekeeping('test');
const browser = { origin: { requestId: 'req_test', network: '192.0.2.1' }, userAgent: 'Browser/1.0' };
let test: TestDatabase;
let sessions: Sessions;
beforeAll(async () => {
  test = await createTestDatabase();
  const lifetimes = { session: 1000, sessionIdle: 100 };
  sessions = createSessions({ prisma: test.database.prisma, lifetimes });
});
afterAll(() => test.drop());

async function person(): Promise<string> {
  const id = newId('usr');
  await test.database.prisma.user.create({
    data: { id, email: `${id}@example.com`.toLowerCase(), name: 'A' },
  });
  return id;
}

const open = (userId: string): Promise<OpenedSession> =>
  test.database.prisma.$transaction((tx) => sessions.create(tx, byPasswordAndCode(userId), browser));

/** Lets time go by for one session. */
const age = (id: string, seconds: number) => test.database.prisma.$executeRaw`
  UPDATE sessions SET last_seen_at = last_seen_at - make_interval(secs => ${seconds}::int) WHERE id = ${id}`;

describe('sessions', () => {
  it('are found by their token, of which only the hash is stored', async () => {
    const userId = await person();
    const { session, token } = await open(userId);

    expect(token).toHaveLength(43);
    const found = await sessions.find(token);
    expect(found).toEqual({ ...session, authAge: found?.authAge });
    expect(session.authAge).toBe(0);
    expect(session).toMatchObject({
      user: { id: userId },
      acr: 'mfa',
      network: '192.0.2.1',
      userAgent: 'Browser/1.0',
    });
    const row = await test.database.prisma.session.findUniqueOrThrow({ where: { id: session.id } });
    expect(Buffer.from(row.tokenHash).toString('base64url')).not.toBe(token);
    for (const other of [undefined, '', `${token}x`, token.toLowerCase()]) {
      expect(await sessions.find(other)).toBeUndefined();
    }
  });

  it('N9: end after a time without use, and after a time at all', async () => {
    const { session, token } = await open(await person());
    await age(session.id, 99);
    expect(await sessions.find(token)).toBeDefined();
    await age(session.id, 101);
    expect(await sessions.find(token)).toBeUndefined();

    const second = await open(session.user.id);
    await test.database.prisma.session.update({
      where: { id: second.session.id },
      data: { expiresAt: new Date() },
    });
    expect(await sessions.find(second.token)).toBeUndefined();
    expect(await sessions.list(session.user.id)).toEqual([]);
  });

  it('write that they were seen once a minute', async () => {
    const { session, token } = await open(await person());
    const seen = async () =>
      (
        await test.database.prisma.session.findUniqueOrThrow({ where: { id: session.id } })
      ).lastSeenAt.getTime();
    const made = await seen();

    await sessions.find(token);
    expect(await seen()).toBe(made);
    await age(session.id, 61);
    await sessions.find(token);
    expect(await seen()).toBeGreaterThanOrEqual(made);
  });

  it('M4: keep their id and lose their old token when their person proves it again', async () => {
    const { prisma } = test.database;
    const { session, token } = await open(await person());
    await age(session.id, 50);
    const again = byPasskey(session.user.id, 'pky_a');

    const renewed = await prisma.$transaction((tx) => sessions.renew(tx, session, again, browser));

    expect(renewed.session).toMatchObject({ id: session.id, acr: 'phr', passkeyId: 'pky_a' });
    expect(renewed.session.authTime.getTime()).toBeGreaterThan(session.authTime.getTime());
    expect(await sessions.find(token)).toBeUndefined();
    expect(await sessions.find(renewed.token)).toMatchObject({ id: session.id });
  });

  it('M4: do not come back to life by being proven again', async () => {
    const { prisma } = test.database;
    const { session } = await open(await person());
    await sessions.end({ id: session.id, userId: session.user.id }, 'ended_by_user', cause);

    const proof = byPasswordAndCode(session.user.id);
    const { session: next } = await prisma.$transaction((tx) => sessions.renew(tx, session, proof, browser));
    expect(next.id).not.toBe(session.id);
  });

  it('N9: end one by one, all others at once, and are nobody else’s to end', async () => {
    const userId = await person();
    const [one, two, three] = [await open(userId), await open(userId), await open(userId)];
    const stranger = await person();

    expect(await sessions.end({ id: one.session.id, userId: stranger }, 'ended_by_user', cause)).toBe(false);
    expect(await sessions.end({ id: one.session.id, userId }, 'ended_by_user', cause)).toBe(true);
    expect(await sessions.end({ id: one.session.id, userId }, 'ended_by_user', cause)).toBe(false);
    expect(await sessions.endOthers(two.session, cause)).toBe(1);
    expect(await sessions.find(three.token)).toBeUndefined();
    expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([two.session.id]);

    const records = await test.database.prisma.auditRecord.findMany({ where: { subject: userId } });
    expect(records.map(({ event, detail }) => [event, detail])).toEqual([
      ['session.ended', { session: one.session.id }],
      ['session.ended', { session: three.session.id }],
    ]);
  });

  it('are not made for a disabled person, and not found while they are disabled', async () => {
    const userId = await person();
    const { token } = await open(userId);
    await test.database.prisma.user.update({ where: { id: userId }, data: { disabledAt: new Date() } });

    expect(await sessions.find(token)).toBeUndefined();
    await expect(open(userId)).rejects.toMatchObject({ code: 'not_found' });
  });
});
