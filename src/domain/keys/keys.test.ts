import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, type JWK, jwtVerify, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { changeSigningKeys, newDataKeys } from '../../../test/support/data-keys.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { createMasterSealer } from '../../platform/crypto/seal.ts';
import { listAudit } from '../audit/index.ts';

import {
  createKeys,
  createServerSecrets,
  type DataKeys,
  MasterKeyRefused,
  openDataKeys,
  type SigningAlgorithm,
} from './index.ts';

const cause = byHousekeeping('test');
const issuer = 'https://issuer.example';

describe('keys', () => {
  let test: TestDatabase;
  let dataKeys: DataKeys;
  let now = new Date();
  const clock = () => now;
  const later = (ms: number) => {
    now = new Date(now.getTime() + ms);
  };

  beforeAll(async () => {
    test = await createTestDatabase();
    dataKeys = await newDataKeys(test.database.pool);
  });
  afterAll(() => test.drop());
  afterEach(async () => {
    await test.database.pool.query('TRUNCATE signing_keys, server_secrets, audit_records');
    now = new Date();
  });

  const times = { tokenLifetime: 300, jwksLifetime: 300, skew: 120, rotateAfter: 0 };
  const process = (algorithm: SigningAlgorithm = 'ES256') =>
    createKeys({ ...test.database, dataKeys, algorithm, clock, ...times });
  const claims = (more: object = {}) => {
    const iat = Math.floor(now.getTime() / 1000);
    return { iss: issuer, sub: 'usr_a', iat, exp: iat + 300, ...more };
  };
  const expected = { typ: 'at+jwt', issuer };

  it('makes one first key when many processes start together', async () => {
    const processes = Array.from({ length: 8 }, () => process());
    await Promise.all(processes.map((keys) => keys.ensure(cause)));

    const kids = await Promise.all(processes.map(async (keys) => (await keys.current()).kid));
    expect(new Set(kids).size).toBe(1);
    expect(await listAudit(test.database.prisma, { event: 'key.created' })).toHaveLength(1);
  });

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'G5: with %s the JWK Set shows public members for signatures only, under their thumbprint',
    async (algorithm) => {
      const keys = process(algorithm);
      await keys.ensure(cause);
      await keys.rotate(cause);

      const published = await keys.jwks();
      expect(published.keys).toHaveLength(2);
      for (const jwk of published.keys) {
        expect(
          Object.keys(jwk).filter((name) =>
            ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth', 'priv'].includes(name),
          ),
        ).toEqual([]);
        expect(jwk).toMatchObject({ use: 'sig', alg: algorithm });
        expect(jwk.kid).toBe(await calculateJwkThumbprint({ ...jwk } as JWK));
        expect(['EC', 'OKP', 'RSA']).toContain(jwk.kty);
      }
      const token = await keys.sign(claims(), { typ: 'at+jwt' });
      const { payload } = await jwtVerify(
        token,
        createLocalJWKSet({ keys: published.keys as unknown as JWK[] }),
      );
      expect(payload.sub).toBe('usr_a');
    },
  );

  it('G5: a private member that slipped into the table does not leave it', async () => {
    const keys = process();
    await keys.ensure(cause);
    await changeSigningKeys(
      test.database.pool,
      dataKeys,
      `UPDATE signing_keys SET public_jwk = public_jwk || '{"d":"secret"}'`,
    );
    later(2_000);
    expect(JSON.stringify(await keys.jwks())).not.toContain('secret');
  });

  it('SEC-M1: refuses another master key before anything is sealed under it', async () => {
    await process().ensure(cause);
    const other = createMasterSealer(randomBytes(32));
    await expect(openDataKeys(test.database.pool, other, cause)).rejects.toThrow(MasterKeyRefused);
  });

  it('verifies its own tokens and no other', async () => {
    const keys = process();
    await keys.ensure(cause);
    const token = await keys.sign(claims(), { typ: 'at+jwt' });
    const { kid, privateKey } = await keys.current();

    expect(await keys.verify(token, expected)).toMatchObject({ sub: 'usr_a' });
    expect(await keys.verify(token, { ...expected, typ: 'JWT' })).toBeUndefined();
    expect(await keys.verify(token, { ...expected, issuer: 'https://other.example' })).toBeUndefined();
    expect(await keys.verify(`${token}x`, expected)).toBeUndefined();
    expect(await keys.verify('', expected)).toBeUndefined();
    expect(await keys.verify('a.b.c', expected)).toBeUndefined();

    const unexpiring = await new SignJWT({ iss: issuer })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
      .sign(privateKey);
    expect(await keys.verify(unexpiring, expected)).toBeUndefined();
    const [, payload] = token.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid, typ: 'at+jwt' })).toString('base64url');
    expect(await keys.verify(`${none}.${payload}.`, expected)).toBeUndefined();
    const hs256 = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'HS256', kid, typ: 'at+jwt' })
      .sign(randomBytes(32));
    expect(await keys.verify(hs256, expected)).toBeUndefined();

    // Whether it has expired is for the store to say, and not for a clock of ours.
    later(301_000);
    expect(await keys.verify(token, expected)).toMatchObject({ sub: 'usr_a' });
  });

  it('G9: a flood of unknown key ids costs a query each quarter of a second at the most', async () => {
    const keys = process();
    await keys.ensure(cause);
    await keys.jwks();
    const { privateKey } = await keys.current();
    const forged = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256', kid: 'other', typ: 'at+jwt' })
      .sign(privateKey);

    const { query } = test.database.pool;
    let queries = 0;
    const counting = new Proxy(test.database.pool, {
      get: (target, name) => {
        if (name !== 'query') return Reflect.get(target, name);
        return (...args: Parameters<typeof query>) => {
          queries += 1;
          return Reflect.apply(query, target, args);
        };
      },
    });
    const watched = createKeys({
      ...test.database,
      pool: counting,
      dataKeys,
      algorithm: 'ES256',
      clock,
      ...times,
    });
    for (let n = 0; n < 50; n += 1) expect(await watched.verify(forged, expected)).toBeUndefined();
    expect(queries).toBe(1);
  });

  it('makes a server secret once, the same for every process, and another for each purpose', async () => {
    const processes = Array.from({ length: 8 }, () =>
      createServerSecrets({ ...test.database, sealer: dataKeys, clock }),
    );
    const made = await Promise.all(processes.map((secrets) => secrets('refresh-derivation').current()));
    expect(new Set(made.map(({ version, key }) => `${version} ${key.toString('hex')}`)).size).toBe(1);
    expect(made[0]?.key).toHaveLength(32);

    const [secrets] = processes;
    expect((await secrets?.('cookies').current())?.key.equals(made[0]?.key ?? Buffer.alloc(0))).toBe(false);
    expect(
      await createServerSecrets({ ...test.database, sealer: dataKeys, clock })(
        'refresh-derivation',
      ).byVersion(1),
    ).toEqual(made[0]);
    expect(await secrets?.('refresh-derivation').byVersion(2)).toBeUndefined();
  });
});
