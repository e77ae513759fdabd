import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDataKeys } from '../../../test/support/data-keys.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { totpCode } from '../../../test/support/totp.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { hashSecret, newId, newSecret } from '../../kernel/ids.ts';
import { SealBroken } from '../../platform/crypto/box.ts';
import type { DataKeys } from '../keys/index.ts';

import { createAttempts } from './attempts.ts';
import { createPasswords } from './passwords.ts';
import { createTotps } from './totp.ts';

const cause = byHousekeeping('test');
let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

async function person(): Promise<string> {
  const id = newId('usr');
  await test.database.prisma.user.create({
    data: { id, email: `${id}@example.com`.toLowerCase(), name: 'A' },
  });
  return id;
}

describe('passwords', () => {
  const setUp = () => createPasswords({ prisma: test.database.prisma, concurrency: 2 });

  it('are kept as argon2id with 19 MiB, two passes and one lane', async () => {
    expect(await setUp().hash('correct horse battery')).toMatch(
      /^\$argon2id\$v=19\$m=19456,p=1,t=2\$|^\$argon2id\$v=19\$m=19456,t=2,p=1\$/,
    );
  });

  it('are told apart, in whatever way their letters are composed', async () => {
    const passwords = setUp();
    const userId = await person();
    const hash = await passwords.hash('crème brûlée 12');
    await passwords.store(test.database.prisma, userId, hash, cause);

    expect(await passwords.verify(userId, 'crème brûlée 12'.normalize('NFD'))).toBe(true);
    expect(await passwords.verify(userId, 'creme brulee 12')).toBe(false);
    expect(await passwords.verify(await person(), 'crème brûlée 12')).toBe(false);
    expect(await passwords.verify(undefined, 'the password of nobody')).toBe(false);
  });

  it('N8: have at least 12 and at most 1,024 characters', async () => {
    const passwords = setUp();
    await expect(passwords.hash('eleven char')).rejects.toMatchObject({ field: 'password' });
    await expect(passwords.hash('x'.repeat(1025))).rejects.toMatchObject({ field: 'password' });
    await expect(passwords.hash('x'.repeat(1024))).resolves.toBeTypeOf('string');
    expect(await passwords.verify(await person(), 'x'.repeat(1_000_000))).toBe(false);
  });

  it('N8: of a flood, what fits the queue is verified and the rest refused at once', async () => {
    const passwords = createPasswords({ prisma: test.database.prisma, concurrency: 2, queue: 10 });
    const tries = Array.from({ length: 500 }, () => passwords.verify(undefined, 'x'));
    const results = await Promise.allSettled(tries);

    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons.length).toBeLessThanOrEqual(488);
    expect(new Set(reasons)).toEqual(new Set(['throttled']));
  });
});

describe('one-time codes', () => {
  const proposals = randomBytes(32);
  let sealer: DataKeys;
  beforeAll(async () => {
    sealer = await newDataKeys(test.database.pool);
  });
  const at = new Date('2026-11-21T12:00:10Z');
  const setUp = () =>
    createTotps({
      prisma: test.database.prisma,
      sealer,
      clock: () => at,
      issuer: 'https://id.example',
      proposals,
    });

  it('come from a seed that every authenticator app can read', () => {
    const { secret, otpauthUri } = setUp().propose('ada@example.com');
    const uri = new URL(otpauthUri);

    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(uri.protocol + uri.host).toBe('otpauth:totp');
    expect(decodeURIComponent(uri.pathname)).toBe('/Gatehouse (id.example):ada@example.com');
    expect(Object.fromEntries(uri.searchParams)).toMatchObject({
      secret,
      issuer: 'Gatehouse (id.example)',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });

  it('have one seed for each attempt', () => {
    const totps = setUp();
    const [one, two] = [newSecret(), newSecret()];
    expect(totps.proposeFor(one, 'a@b').secret).toBe(totps.proposeFor(one, 'a@b').secret);
    expect(totps.proposeFor(one, 'a@b').secret).not.toBe(totps.proposeFor(two, 'a@b').secret);
  });

  it('N2: are right one step around the present, and never twice', async () => {
    const totps = setUp();
    const userId = await person();
    const { secret } = totps.propose('a@b');
    await totps.enrol(test.database.prisma, { userId, secret }, cause);
    const stepAt = async (seconds: number) =>
      (await totps.check(userId, totpCode(secret, at.getTime() + seconds * 1000))).step;
    const present = Math.floor(at.getTime() / 30_000);

    expect(await stepAt(0)).toBe(present);
    expect(await stepAt(-30)).toBe(present - 1);
    expect(await stepAt(30)).toBe(present + 1);
    expect(await stepAt(-60)).toBeUndefined();
    expect(await stepAt(60)).toBeUndefined();
    for (const wrong of ['', '12345', '1234567', 'abcdef', '１２３４５６']) {
      expect((await totps.check(userId, wrong)).step).toBeUndefined();
    }

    const spend = (step: number) => totps.spend(test.database.prisma, userId, step);
    const parallel = await Promise.all(Array.from({ length: 50 }, () => spend(present)));
    expect(parallel.filter(Boolean)).toHaveLength(1);
    expect(await spend(present - 1)).toBe(false);
    expect(await spend(present + 1)).toBe(true);
  });

  it('keep their seed sealed, and for one person', async () => {
    const totps = setUp();
    const [ada, eve] = [await person(), await person()];
    const { secret } = totps.propose('a@b');
    await totps.enrol(test.database.prisma, { userId: ada, secret }, cause);
    const { seedSealed } = await test.database.prisma.totp.findUniqueOrThrow({ where: { userId: ada } });
    expect(Buffer.from(seedSealed).toString('latin1')).not.toContain(secret);

    await test.database.prisma.totp.create({ data: { userId: eve, seedSealed, confirmedAt: at } });
    await expect(totps.check(eve, totpCode(secret, at))).rejects.toThrow(SealBroken);
  });
});

describe('attempts', () => {
  const setUp = () => createAttempts({ prisma: test.database.prisma, lifetime: 600 });

  it('are known by their token, for their purpose, until they expire', async () => {
    const attempts = setUp();
    const token = await attempts.start('sign-in', { email: 'a@b' });
    expect(await attempts.find(token, 'sign-in')).toMatchObject({ email: 'a@b', passwordOk: false });
    expect(await attempts.find(token, 'setup')).toBeUndefined();
    expect(await attempts.find(newSecret(), 'sign-in')).toBeUndefined();

    await test.database.prisma.signInAttempt.update({
      where: { tokenHash: new Uint8Array(hashSecret(token)) },
      data: { expiresAt: new Date(0) },
    });
    expect(await attempts.find(token, 'sign-in')).toBeUndefined();
    expect(await attempts.takeAnswer(token, 'sign-in')).toBeUndefined();
    expect(await attempts.sweep()).toBe(1);
  });

  it('give their challenge to one caller, and take ten answers', async () => {
    const attempts = setUp();
    const token = await attempts.start('sign-in', { email: 'a@b' });
    await attempts.challenge(token, 'sign-in', 'c');
    const next = (await attempts.passwordTried(token, true)) ?? '';
    expect(await attempts.find(token, 'sign-in')).toBeUndefined();
    const twenty = Array.from({ length: 20 });

    const challenges = await Promise.all(twenty.map(() => attempts.takeChallenge(next, 'sign-in')));
    expect(challenges.filter((taken) => taken !== undefined)).toHaveLength(1);
    const answers = await Promise.all(twenty.map(() => attempts.takeAnswer(next, 'sign-in')));
    expect(answers.filter((answer) => answer?.passwordOk)).toHaveLength(10);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(10);
  });
});
