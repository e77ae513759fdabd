import { setTimeout as delay } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { changeSigningKeys, newDataKeys } from '../../../test/support/data-keys.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { listAudit } from '../audit/index.ts';

import { createKeys, type DataKeys, type Keys, type KeysDeps } from './index.ts';

const cause = { requestId: 'req_test', actor: { type: 'housekeeping', id: 'test' } } as const;
const issuer = 'https://issuer.example';

describe('rotation', () => {
  let test: TestDatabase;
  let dataKeys: DataKeys;
  let now = new Date();
  const clock = () => now;
  /** Lets what processes remember grow old. */
  const later = (ms: number) => {
    now = new Date(now.getTime() + ms);
  };

  beforeAll(async () => {
    test = await createTestDatabase();
    dataKeys = await newDataKeys(test.database.pool);
  });
  afterAll(() => test.drop());
  afterEach(async () => {
    await test.database.pool.query('TRUNCATE signing_keys, audit_records');
    now = new Date();
  });

  const process = (more: Partial<KeysDeps> = {}) =>
    createKeys({
      ...test.database,
      dataKeys,
      algorithm: 'ES256',
      clock,
      tokenLifetime: 300,
      jwksLifetime: 300,
      skew: 120,
      rotateAfter: 0,
      ...more,
    });
  /** As if the database had been left alone for so long. */
  const pass = (interval: string) =>
    changeSigningKeys(
      test.database.pool,
      dataKeys,
      `UPDATE signing_keys SET created_at = created_at - $1::interval, promote_at = promote_at - $1::interval,
         promoted_at = promoted_at - $1::interval, retired_at = retired_at - $1::interval,
         published_until = published_until - $1::interval`,
      [interval],
    );
  const token = (keys: Keys) => {
    const iat = Math.floor(now.getTime() / 1000);
    return keys.sign({ iss: issuer, sub: 'usr_a', iat, exp: iat + 86_400 }, { typ: 'at+jwt' });
  };
  const verify = (keys: Keys, jwt: string) => keys.verify(jwt, { typ: 'at+jwt', issuer });
  const kidOf = (jwt: string) => decodeProtectedHeader(jwt).kid;
  const published = async (keys: Keys) => (await keys.jwks()).keys.map(({ kid }) => kid);
  const states = async (keys: Keys) => (await keys.list()).map(({ state }) => state);
  const events = async (event: 'key.created' | 'key.rotated' | 'key.revoked') =>
    listAudit(test.database.prisma, { event });
  const secondsUntil = (time: Date | undefined) => ((time?.getTime() ?? 0) - Date.now()) / 1000;

  it('G7: a new key is published for the JWKS lifetime and the skew before it signs', async () => {
    const [here, there] = [process(), process()];
    await here.ensure(cause);
    const old = kidOf(await token(there));

    const next = await here.rotate(cause);
    expect(next).toMatchObject({ state: 'next', algorithm: 'ES256' });
    expect(Math.abs(secondsUntil(next.effectiveAt) - 420)).toBeLessThan(10);
    later(1_000);
    for (const keys of [here, there]) {
      expect(await published(keys)).toEqual([next.kid, old]);
      expect(kidOf(await token(keys))).toBe(old);
    }

    await pass('410 seconds');
    later(1_000);
    expect(kidOf(await token(there))).toBe(old);
    expect(await events('key.rotated')).toEqual([]);
  });

  it('G7: when it is time one process lets it sign, every other follows in a second, and no token is refused', async () => {
    const processes = Array.from({ length: 6 }, () => process());
    const [first = process()] = processes;
    await first.ensure(cause);
    const old = await Promise.all(processes.map(token));
    const next = await first.rotate(cause);
    await pass('420 seconds');
    later(1_000);

    // Whoever looks promotes; meanwhile all sign, with the old key or with the new.
    const meanwhile = await Promise.all(processes.map(token));
    await expect.poll(async () => (await events('key.rotated')).length).toBe(1);
    later(1_000);
    const after = await Promise.all(processes.map(token));

    expect(after.map(kidOf)).toEqual(processes.map(() => next.kid));
    for (const keys of processes) {
      for (const jwt of [...old, ...meanwhile, ...after]) expect(await verify(keys, jwt)).toBeDefined();
    }
    expect(await states(first)).toEqual(['current', 'retired']);
    await delay(50);
    expect(await events('key.rotated')).toMatchObject([
      { outcome: 'success', detail: { kid: next.kid, retired: kidOf(old[0] ?? '') } },
    ]);
  });

  it('G7: a retired key is published while its tokens live, and its private part is destroyed at once', async () => {
    const keys = process();
    await keys.ensure(cause);
    const old = await token(keys);
    await keys.rotate(cause);
    await pass('420 seconds');
    await keys.maintain();

    const retired = (await keys.list()).find(({ state }) => state === 'retired');
    expect(Math.abs(secondsUntil(retired?.until) - 420)).toBeLessThan(10);
    const { rows } = await test.database.pool.query(
      `SELECT private_sealed FROM signing_keys WHERE state = 'retired'`,
    );
    expect(rows).toEqual([{ private_sealed: null }]);

    await pass('410 seconds');
    later(1_000);
    expect(await verify(keys, old)).toBeDefined();
    await pass('10 seconds');
    later(1_000);
    expect(await verify(keys, old)).toBeUndefined();
    expect(await published(keys)).toHaveLength(1);
    expect((await keys.list()).map((key) => [key.state, key.published])).toEqual([
      ['current', true],
      ['retired', false],
    ]);
  });

  it('G7: the longest life counts that any process has given to tokens of the key', async () => {
    const [short, long] = [process({ tokenLifetime: 300 }), process({ tokenLifetime: 3_000 })];
    await short.ensure(cause);
    await short.rotate(cause);
    await token(long);
    await pass('420 seconds');
    await short.maintain();
    const retired = (await short.list()).find(({ state }) => state === 'retired');
    expect(Math.abs(secondsUntil(retired?.until) - 3_120)).toBeLessThan(10);
  });

  it('G7: a process that signs for a last second with a retired key has it published for as long as its own tokens live', async () => {
    const [here, late] = [process(), process({ tokenLifetime: 3_000 })];
    await here.ensure(cause);
    await late.jwks();
    await here.rotate(cause);
    await pass('420 seconds');
    await here.maintain();
    const jwt = await token(late);
    const retired = (await here.list()).find(({ state }) => state === 'retired');
    expect(kidOf(jwt)).toBe(retired?.kid);
    expect(Math.abs(secondsUntil(retired?.until) - 3_120)).toBeLessThan(10);
  });

  it('G7: rotations at the same time, and one while a key waits, are one', async () => {
    const processes = Array.from({ length: 6 }, () => process());
    const [first = process()] = processes;
    await first.ensure(cause);
    const begun = await Promise.all(processes.map((keys) => keys.rotate(cause)));
    expect(new Set(begun.map(({ kid }) => kid)).size).toBe(1);
    expect(new Set(begun.map(({ effectiveAt }) => effectiveAt.getTime())).size).toBe(1);
    expect(await first.rotate(cause)).toEqual(begun[0]);
    expect(await states(first)).toEqual(['next', 'current']);
    expect(await events('key.created')).toHaveLength(2);
  });

  it('G7: promotions at the same time are one', async () => {
    const processes = Array.from({ length: 6 }, () => process());
    const [first = process()] = processes;
    await first.ensure(cause);
    await first.rotate(cause);
    await pass('420 seconds');
    await Promise.all(processes.map((keys) => keys.maintain()));
    expect(await states(first)).toEqual(['current', 'retired']);
    expect(await events('key.rotated')).toHaveLength(1);
  });

  it('the list lets a key sign whose time has come, and says since when and until when', async () => {
    const keys = process();
    await keys.ensure(cause);
    const next = await keys.rotate(cause);
    expect(await keys.list()).toMatchObject([
      { kid: next.kid, state: 'next', until: next.effectiveAt, published: true },
      { state: 'current', until: undefined, published: true },
    ]);
    await pass('420 seconds');
    expect(await keys.list()).toMatchObject([
      { kid: next.kid, state: 'current', until: undefined },
      { state: 'retired', until: expect.any(Date), published: true },
    ]);
  });

  it('a rotation after the time of the key that waits begins the one after it', async () => {
    const keys = process();
    await keys.ensure(cause);
    const second = await keys.rotate(cause);
    await pass('420 seconds');
    const third = await keys.rotate(cause);
    expect(third.kid).not.toBe(second.kid);
    expect((await keys.list()).map(({ kid, state }) => [kid, state])).toMatchObject([
      [third.kid, 'next'],
      [second.kid, 'current'],
      [expect.any(String), 'retired'],
    ]);
  });

  it('another algorithm takes effect at the next rotation, and both are published meanwhile', async () => {
    await process().ensure(cause);
    const changed = process({ algorithm: 'EdDSA' });
    await changed.ensure(cause);
    expect(decodeProtectedHeader(await token(changed)).alg).toBe('ES256');

    expect(await changed.rotate(cause)).toMatchObject({ algorithm: 'EdDSA' });
    expect((await changed.jwks()).keys.map(({ alg }) => alg)).toEqual(['EdDSA', 'ES256']);
    await pass('420 seconds');
    await changed.maintain();
    const jwt = await token(changed);
    expect(decodeProtectedHeader(jwt).alg).toBe('EdDSA');
    expect(await verify(process(), jwt)).toBeDefined();
  });

  it('a key is replaced at its age, once, and never where that is switched off', async () => {
    const [manual, scheduled] = [process(), process({ rotateAfter: 86_400 })];
    await manual.ensure(cause);
    await scheduled.maintain();
    await pass('86390 seconds');
    await scheduled.maintain();
    expect(await states(manual)).toEqual(['current']);

    await pass('10 seconds');
    await manual.maintain();
    expect(await states(manual)).toEqual(['current']);
    await Promise.all(Array.from({ length: 4 }, () => process({ rotateAfter: 86_400 }).maintain()));
    await scheduled.maintain();
    expect(await states(manual)).toEqual(['next', 'current']);

    await pass('420 seconds');
    await scheduled.maintain();
    expect(await states(manual)).toEqual(['current', 'retired']);
    expect((await events('key.created')).map(({ request_id: id }) => id)).toEqual([
      'req_test',
      expect.stringMatching(/^req_(?!test)/),
    ]);
  });

  it('G8: a compromised key is dropped with all that lay beside it, and a new one signs at once', async () => {
    const [here, there] = [process(), process()];
    await here.ensure(cause);
    const first = await token(here);
    await here.rotate(cause);
    await pass('420 seconds');
    await here.maintain();
    const second = await token(here);
    const { kid: third } = await here.rotate(cause);
    expect(await verify(there, first)).toBeDefined();
    expect(await verify(there, second)).toBeDefined();

    const replaced = await here.replaceCompromised(cause);
    expect(replaced).toMatchObject({ state: 'current', algorithm: 'ES256' });
    expect([...replaced.revoked].sort()).toEqual([kidOf(first), kidOf(second), third].sort());
    expect(await published(here)).toEqual([replaced.kid]);
    for (const jwt of [first, second]) expect(await verify(here, jwt)).toBeUndefined();

    later(1_000);
    expect(await published(there)).toEqual([replaced.kid]);
    for (const jwt of [first, second]) expect(await verify(there, jwt)).toBeUndefined();
    const fresh = await token(there);
    expect(kidOf(fresh)).toBe(replaced.kid);
    expect(await verify(here, fresh)).toBeDefined();

    const { rows } = await test.database.pool.query(
      `SELECT count(*)::int AS kept FROM signing_keys WHERE private_sealed IS NOT NULL`,
    );
    expect(rows).toEqual([{ kept: 1 }]);
    // In no order: they may have been written in the same millisecond.
    const records = (await events('key.revoked')).map(({ reason, detail }) => [reason, detail]);
    expect(new Set(records)).toEqual(
      new Set(replaced.revoked.map((kid) => ['compromised', { kid, replaced_by: replaced.kid }])),
    );
  });

  it('G8: two who hear the same alarm make one new key; a later alarm is another', async () => {
    const processes = Array.from({ length: 4 }, () => process());
    const [first = process()] = processes;
    await first.ensure(cause);
    const { kid: old } = await first.current();
    const replaced = await Promise.all(processes.map((keys) => keys.replaceCompromised(cause)));
    expect(new Set(replaced.map(({ kid }) => kid)).size).toBe(1);
    for (const { revoked } of replaced) expect(revoked).toEqual([old]);
    expect(await states(first)).toEqual(['current', 'revoked']);

    await test.database.pool.query(`UPDATE signing_keys SET revoked_at = revoked_at - interval '11 seconds'`);
    expect((await first.replaceCompromised(cause)).revoked).toEqual([replaced[0]?.kid]);
  });

  it('G7: a promotion that cannot happen stops nobody from signing', async () => {
    const keys = process();
    await keys.ensure(cause);
    const { kid: old } = await keys.current();
    const { kid } = await keys.rotate(cause);
    await pass('420 seconds');

    const holder = await test.database.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM signing_keys FOR UPDATE');
      for (let second = 0; second < 3; second += 1) {
        later(1_000);
        expect(kidOf(await token(keys))).toBe(old);
      }
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    await expect
      .poll(async () => {
        later(1_000);
        return kidOf(await token(keys));
      })
      .toBe(kid);
    expect(await events('key.rotated')).toHaveLength(1);
  });
});
