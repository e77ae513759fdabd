import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MasterKeyRefused } from '../../../src/domain/keys/index.ts';
import { byHousekeeping } from '../../../src/kernel/cause.ts';
import { createMasterSealer } from '../../../src/platform/crypto/seal.ts';
import { runCli } from '../../support/cli.ts';
import { dataKeysFor, newDataKeys } from '../../support/data-keys.ts';
import { createTestDatabase } from '../../support/database.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let cwd: string;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-keys-'));
  server = await startTestServer();
}, 60_000);
afterAll(async () => {
  await server.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const gatehouse = (args: readonly string[], env: Readonly<Record<string, string>> = server.environment) =>
  runCli(args, { cwd, env });
const published = async () => {
  const response = await fetch(`${server.issuer}/jwks`);
  return ((await response.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
};
const keyStates = async () => {
  const { rows } = await server.database.pool.query('SELECT kid, state FROM signing_keys ORDER BY kid');
  return rows;
};

async function foreignKey() {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, jwk: { ...jwk, kid, alg: 'ES256', use: 'sig' } };
}

describe('readiness', () => {
  it('NEW-2: /readyz names the signing key while it cannot be used, until a new one signs', async () => {
    await server.database.pool.query(
      `UPDATE signing_keys SET private_sealed = '\\x00' WHERE state = 'current'`,
    );
    const readyz = async () => (await fetch(`${server.internal}/readyz`)).json();
    await expect.poll(readyz).toMatchObject({ failing: ['signing_key'] });
    await server.installation.keys.maintain();
    await expect.poll(readyz).toMatchObject({ status: 'ready' });
  });
});

describe('the master key', () => {
  it('SEC-M1, NEW-2: a command in a shell with DATABASE_URL but without the key file makes no key and changes nothing', async () => {
    const before = await keyStates();
    const run = await gatehouse(['keys', 'rotate', '--compromised'], { DATABASE_URL: server.databaseUrl });

    expect(run.code).toBe(2);
    expect(run.stderr).toContain('npm run -s gatehouse -- keys create-master');
    expect(existsSync(join(cwd, 'keys'))).toBe(false);
    expect(await keyStates()).toEqual(before);
  });

  it.each([
    [['keys', 'rotate', '--compromised']],
    [['keys', 'rotate']],
    [['user', 'add', '--email', 'eve@example.com', '--name', 'Eve', '--totp']],
    [['serve']],
    [['serve', '--workers', '2']],
    [['backup', 'store.gz']],
    [['doctor']],
  ])(
    'SEC-M1, NEW-2: gatehouse %j with another master key is refused with exit code 3 before it writes',
    async (args) => {
      const before = await keyStates();
      const env = { ...server.environment, GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url') };
      const run = await gatehouse(args, env);

      expect(run.code).toBe(3);
      expect(run.stderr).toContain('GATEHOUSE_MASTER_KEY_FILE');
      expect(run.stderr).not.toContain('    at ');
      expect(await keyStates()).toEqual(before);
      expect(await server.database.prisma.user.count({ where: { email: 'eve@example.com' } })).toBe(0);
    },
  );

  it('SEC-L9, NEW-12: keys create-master makes a file for its owner only and never overwrites one', async () => {
    const run = await gatehouse(['keys', 'create-master', 'new.key'], {});
    expect(run.code).toBe(0);
    expect(statSync(join(cwd, 'new.key')).mode & 0o777).toBe(0o600);
    const made = readFileSync(join(cwd, 'new.key'), 'utf8');
    expect((await gatehouse(['keys', 'create-master', 'new.key'], {})).code).toBe(1);
    expect(readFileSync(join(cwd, 'new.key'), 'utf8')).toBe(made);
  });
});

describe('signing keys', () => {
  it('SEC-M2: an INSERT of a retired key with a foreign public key does not enter the JWK Set', async () => {
    const { kid, jwk } = await foreignKey();
    await server.database.pool.query(
      `INSERT INTO signing_keys (kid, algorithm, public_jwk, state, token_lifetime, promote_at, promoted_at, retired_at, published_until)
       VALUES ($1, 'ES256', $2, 'retired', 300, now(), now(), now(), now() + interval '1 day')`,
      [kid, JSON.stringify(jwk)],
    );
    await expect.poll(async () => (await gatehouse(['keys', 'list', '--json'])).stdout).toContain(kid);
    expect(await published()).not.toContain(kid);

    await server.installation.keys.maintain();
    const { rows } = await server.database.pool.query('SELECT state FROM signing_keys WHERE kid = $1', [kid]);
    expect(rows).toEqual([{ state: 'revoked' }]);
    const records = await server.database.prisma.auditRecord.findMany({ where: { reason: 'not_authentic' } });
    expect(records).toContainEqual(expect.objectContaining({ event: 'key.revoked', detail: { kid } }));
  });

  it('SEC-M2: the MAC covers every column of a signing key', async () => {
    const { pool } = server.database;
    const { rows: columns } = await pool.query<{ name: string; type: string }>(
      `SELECT column_name AS name, data_type AS type FROM information_schema.columns
       WHERE table_name = 'signing_keys' AND column_name NOT IN ('mac', 'kid', 'state')`,
    );
    expect(columns.length).toBeGreaterThan(8);
    const other: Readonly<Record<string, string>> = {
      text: `'other'`,
      jsonb: `'{}'`,
      bytea: `'\\x00'`,
      integer: '17',
      'timestamp with time zone': `now() - interval '1 year'`,
    };
    const dataKeys = server.installation.sealer;
    const { isAuthentic, SIGNING_KEY_TEXT } = await import('../../../src/domain/keys/key-mac.ts');
    for (const { name, type } of columns) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await client.query(`UPDATE signing_keys SET ${name} = ${other[type]} WHERE state = 'current'`);
        const { rows } = await client.query(
          `SELECT mac, ${SIGNING_KEY_TEXT} AS text FROM signing_keys WHERE state = 'current'`,
        );
        expect([name, await isAuthentic(dataKeys, rows[0])]).toEqual([name, false]);
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
    }
  });

  it('SEC-M2: an installation whose proof and data keys were deleted is not adopted again', async () => {
    const { kid, jwk } = await foreignKey();
    const store = await createTestDatabase();
    const { pool } = store.database;
    const dataKeys = await newDataKeys(pool);
    await pool.query(`INSERT INTO server_secrets (purpose, version, sealed) VALUES ('cookies', 1, $1)`, [
      dataKeys.seal(
        { purpose: 'server-secret', table: 'server_secrets', column: 'sealed', row: 'cookies 1' },
        'x',
      ),
    ]);
    await pool.query(
      `INSERT INTO signing_keys (kid, algorithm, public_jwk, private_sealed, state, token_lifetime, promote_at, promoted_at)
       VALUES ($1, 'ES256', $2, '\\x00', 'current', 300, now(), now())`,
      [kid, JSON.stringify(jwk)],
    );
    await pool.query('UPDATE installation SET key_proof = NULL');
    await expect(newDataKeys(pool)).rejects.toThrow('data keys of this store are missing');
    await pool.query('DELETE FROM data_keys');
    await expect(newDataKeys(pool)).rejects.toThrow('data keys of this store are missing');
    await store.drop();
  });

  it('SEC-L14: keys rotate --compromised, right after a forged key was revoked, replaces data keys and the keys of cookies and forms', async () => {
    const { prisma } = server.database;
    const idsOf = async (purpose: string) =>
      (await prisma.dataKey.findMany({ where: { purpose } })).map(({ id }) => id);
    const before = { mac: await idsOf('signing-key-mac'), secrets: await prisma.serverSecret.findMany() };

    expect((await gatehouse(['keys', 'rotate', '--compromised'])).code).toBe(0);
    const after = await idsOf('signing-key-mac');
    expect(after).toHaveLength(1);
    expect(before.mac).not.toContain(after[0]);
    const versions = await prisma.serverSecret.findMany({ where: { purpose: { in: ['cookies', 'forms'] } } });
    expect(versions).toHaveLength(2);
    for (const { purpose, version } of versions)
      expect(before.secrets.some((old) => old.purpose === purpose && old.version === version)).toBe(false);
  });
});

describe('a store from before data keys', () => {
  it('SEC-M2: is adopted once: what was sealed opens, and keys without their private part leave the JWK Set', async () => {
    const store = await createTestDatabase();
    const { pool, prisma } = store.database;
    const master = randomBytes(32);
    const sealer = createMasterSealer(master);
    const { generateKey } = await import('../../../src/domain/keys/key.ts');
    const own = await generateKey('ES256');
    const foreign = await foreignKey();
    await pool.query(
      `INSERT INTO signing_keys (kid, algorithm, public_jwk, private_sealed, state, token_lifetime, promote_at, promoted_at)
       VALUES ($1, 'ES256', $2, $3, 'current', 300, now(), now())`,
      [
        own.publicJwk.kid,
        JSON.stringify(own.publicJwk),
        sealer.seal({ purpose: 'signing-key', owner: own.publicJwk.kid }, own.pkcs8),
      ],
    );
    await pool.query(
      `INSERT INTO signing_keys (kid, algorithm, public_jwk, state, token_lifetime, promote_at, promoted_at, retired_at, published_until)
       VALUES ($1, 'ES256', $2, 'retired', 300, now(), now(), now(), now() + interval '1 hour')`,
      [foreign.kid, JSON.stringify(foreign.jwk)],
    );
    await pool.query(
      `INSERT INTO server_secrets (purpose, version, sealed) VALUES ('refresh-derivation', 1, $1)`,
      [sealer.seal({ purpose: 'server-secret refresh-derivation', owner: '1' }, 'derivation')],
    );
    await pool.query(`INSERT INTO users (id, email, name) VALUES ('usr_1', 'ada@example.com', 'Ada')`);
    await pool.query(
      `INSERT INTO totp_factors (user_id, seed_sealed, confirmed_at) VALUES ('usr_1', $1, now())`,
      [sealer.seal({ purpose: 'totp-seed', owner: 'usr_1' }, 'seed')],
    );
    const wrong = { GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url') };
    await expect(dataKeysFor(pool, wrong)).rejects.toThrow(MasterKeyRefused);
    expect(await prisma.dataKey.count()).toBe(0);

    const dataKeys = await dataKeysFor(pool, { GATEHOUSE_MASTER_KEY: master.toString('base64url') });
    const { totpPlace, secretPlace, signingKeyPlace } = await import(
      '../../../src/domain/keys/sealed-places.ts'
    );
    const totp = await prisma.totp.findFirstOrThrow();
    expect((await dataKeys.open(totpPlace('usr_1'), totp.seedSealed)).toString()).toBe('seed');
    await expect(dataKeys.open(totpPlace('usr_2'), totp.seedSealed)).rejects.toThrow('cannot be opened');
    const secret = await prisma.serverSecret.findFirstOrThrow();
    expect((await dataKeys.open(secretPlace('refresh-derivation', 1), secret.sealed)).toString()).toBe(
      'derivation',
    );
    const current = await prisma.signingKey.findFirstOrThrow({ where: { state: 'current' } });
    expect(
      (await dataKeys.open(signingKeyPlace(current.kid), current.privateSealed ?? Buffer.of())).equals(
        own.pkcs8,
      ),
    ).toBe(true);
    expect(await prisma.signingKey.findUnique({ where: { kid: foreign.kid } })).toMatchObject({
      state: 'revoked',
    });
    await store.drop();
  });
});

describe('start-up guards', () => {
  it('NEW-12: a server with another issuer is refused on a used store, and accepted when that is stated', async () => {
    const { pool } = server.database;
    const known = 'https://auth.example.com';
    await pool.query('UPDATE installation SET issuer = $1', [known]);
    const refused = await gatehouse(['user', 'list']);
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('GATEHOUSE_ISSUER_CHANGED_FROM'),
    });
    const stated = { ...server.environment, GATEHOUSE_ISSUER_CHANGED_FROM: known };
    expect((await gatehouse(['user', 'list'], stated)).code).toBe(0);
    await pool.query('UPDATE installation SET issuer = $1', [server.issuer]);
  });

  it('NEW-12: workers without a database end with one clear line and exit code 3', async () => {
    const env = { ...server.environment, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nowhere' };
    const run = await gatehouse(['serve', '--workers', '2'], env);
    expect(run.code).toBe(3);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    expect(run.stderr).toContain('The store is not available');
  });

  it('SEC-L11: a command warns of a .env that every user of the machine can change', async () => {
    writeFileSync(join(cwd, '.env'), 'GATEHOUSE_LOG_LEVEL=warn\n');
    chmodSync(join(cwd, '.env'), 0o666);
    const { GATEHOUSE_LOG_LEVEL: _level, ...env } = server.environment;
    const run = await gatehouse(['user', 'list'], env);
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('chmod o-w') });
    rmSync(join(cwd, '.env'));
  });
});

describe('the replacement of the master key', () => {
  it('SEC-L14: keys rotate-master leaves everything open under the new key and nothing under the old one', async () => {
    const { pool, prisma } = server.database;
    const file = join(cwd, 'next.key');
    // The server has followed the data keys that a compromise replaced.
    await server.installation.keys.maintain();
    await gatehouse(['keys', 'create-master', file], {});
    chmodSync(file, 0o644);
    expect(await gatehouse(['keys', 'rotate-master', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('chmod 600'),
    });
    chmodSync(file, 0o600);
    const sealed = await prisma.serverSecret.findMany({ orderBy: [{ purpose: 'asc' }] });

    expect((await gatehouse(['keys', 'rotate-master', file])).code).toBe(0);
    expect(await prisma.serverSecret.findMany({ orderBy: [{ purpose: 'asc' }] })).toEqual(sealed);
    await expect(dataKeysFor(pool, server.environment)).rejects.toThrow(MasterKeyRefused);
    expect((await gatehouse(['keys', 'list'])).code).toBe(3);

    // The running server goes on, and rotates its signing keys too.
    await server.installation.keys.rotate(byHousekeeping('test'));
    expect(await published()).toHaveLength(2);
    server = {
      ...server,
      environment: { ...server.environment, GATEHOUSE_MASTER_KEY: readFileSync(file, 'utf8').trim() },
    };
    expect((await gatehouse(['keys', 'list'])).code).toBe(0);
  });
});
