import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import { endConnections, endConnectionsOfClient } from '../../../src/domain/grants/index.ts';
import { createMasterSealer, type MasterSealer } from '../../../src/platform/crypto/seal.ts';
import { migrate } from '../../../src/platform/database/index.ts';
import { MIGRATIONS_DIRECTORY, readMigrations } from '../../../src/platform/database/migrations.ts';
import { createAgent } from '../../support/agent.ts';
import {
  backUp,
  dump,
  linesOf,
  openEmpty,
  restoreTo,
  sealedAnew,
  sealerOf,
  tablesOf,
} from '../../support/backup.ts';
import { createTestDatabase, silent } from '../../support/database.ts';
import { addPerson, authorizeUrl, obtainCode, pkce, post } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import { type Connected, connected, freshTokens, refresh } from '../../support/token-requests.ts';

/** Rows of these end, or go, when an older state comes back; all others are as they were. */
const ENDS = ['installation', 'sessions', 'signing_keys', 'audit_records', 'registration_tokens'];
const GOES = ['consents', 'interactions', 'sign_in_attempts', 'one_time_links'];

let server: TestServer;
let sealer: MasterSealer;
let ada: Connected;
let backup: Buffer;
let before: Awaited<ReturnType<typeof dump>>;

/** An installation in which every table has rows, so that a new table is not forgotten here. */
beforeAll(async () => {
  server = await startTestServer();
  sealer = sealerOf(server);
  const { prisma, pool } = server.database;
  await server.installation.setup.createLink(cause);
  ada = await connected(server);
  const first = await freshTokens(server, ada, { scope: 'openid files:read' });
  await refresh(server, ada.clientId, first.refreshToken);
  const ended = await freshTokens(server, ada);
  await endConnections(prisma, ada.person.id, { grantId: ended.grantId }, cause);
  const { accessToken } = await freshTokens(server, ada);
  await post(server, '/revoke', { client_id: ada.clientId, token: accessToken });
  await obtainCode(server, ada.agent, ada.clientId);
  const compromised = await addTestClient(server);
  await endConnectionsOfClient(prisma, { id: compromised.clientId, tenantId: 'ten_default' }, cause);

  const waiting = createAgent();
  await waiting.get(authorizeUrl(server, { client_id: ada.clientId, code_challenge: pkce().challenge }));
  await server.installation.attempts.start('sign-in', { email: ada.person.email });
  await prisma.passkey.create({
    data: {
      id: 'pky_1',
      userId: ada.person.id,
      credentialId: 'credential',
      publicKey: new Uint8Array([0, 255, 39]),
      signCount: 4_294_967_295n,
      transports: ['usb', 'a "quoted", one'],
      backedUp: true,
      name: `Ada's\nkey, 🦉 {"a"} \\ ${String.fromCharCode(0x2028)}`,
    },
  });
  await prisma.securityNotice.create({
    data: {
      id: 'ntc_1',
      userId: ada.person.id,
      kind: 'passkey_added',
      passkeyId: 'pky_1',
      sessionId: 'ses_1',
    },
  });
  await prisma.codeGuess.create({ data: { userId: ada.person.id, knownNetwork: true, wrong: 3 } });
  await prisma.usedIdentifier.create({
    data: { hash: new Uint8Array(randomBytes(32)), purpose: 'assertion', expiresAt: new Date() },
  });
  await addClientsOfOthers(ada);
  before = await dump(pool);
  backup = await backUp(pool, sealer);
});
afterAll(() => server.stop());

/** What is known of clients that publish a document, and of those that may register. */
async function addClientsOfOthers({ clientId, person }: Connected): Promise<void> {
  const { prisma } = server.database;
  const url = 'https://app.example/client.json';
  const tenantId = 'ten_default';
  const hash = () => new Uint8Array(randomBytes(32));
  await prisma.clientRule.create({
    data: {
      id: 'rul_1',
      tenantId,
      pattern: url,
      host: 'app.example',
      expression: '^$',
      specificity: 2,
      trust: 'known',
    },
  });
  await prisma.clientRequest.create({
    data: { id: 'crq_1', tenantId, clientId: url, userId: person.id, reason: 'for work' },
  });
  await prisma.registrationToken.create({
    data: {
      id: 'irt_1',
      tenantId,
      tokenHash: hash(),
      trust: 'untrusted',
      uses: 3,
      expiresAt: new Date('2100-01-01'),
    },
  });
  await prisma.clientSnapshot.create({
    data: { clientId, version: hash(), name: 'App', authMethod: 'none', redirectUris: [], grantTypes: [] },
  });
  await prisma.webCopy.create({ data: { kind: 'document', url, content: hash(), hash: hash() } });
}

let target: Awaited<ReturnType<typeof openEmpty>>;
beforeEach(async () => {
  target = await openEmpty();
});
afterEach(() => target.drop());

describe('restoring a backup', () => {
  it('Y10: gives every row of every table back as it was, but for what has to end', async () => {
    expect(Object.entries(before).filter(([, rows]) => rows.length === 0)).toEqual([]);

    const summary = await restoreTo(target.database.pool, sealer, backup);

    const after = await dump(target.database.pool);
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
    for (const [table, rows] of Object.entries(before)) {
      if (GOES.includes(table)) expect({ table, rows: after[table] }).toEqual({ table, rows: [] });
      else if (!ENDS.includes(table)) expect({ table, rows: after[table] }).toEqual({ table, rows });
    }
    expect(summary).toMatchObject({
      installation: expect.stringMatching(/^ins_/),
      rows: Object.values(before).flat().length,
      ended: { epoch: 2, grants: 2, sessions: 1 },
    });
  });

  it('Y10: the trail is kept whole, and ends with the restoration', async () => {
    await restoreTo(target.database.pool, sealer, backup);

    const kept = await listAudit(target.database.prisma, { limit: 10_000 });
    const known = await listAudit(server.database.prisma, { limit: 10_000 });
    const last = kept.at(-1);
    expect(kept.slice(0, -1)).toEqual(known.filter(({ event }) => event !== 'backup.created'));
    expect(last).toMatchObject({
      event: 'restore.completed',
      outcome: 'success',
      detail: { grant_epoch: 2, grants: 2, sessions: 1, made_by: '0.0.0-test' },
    });
  });

  it('U6: sessions have ended, keys are dropped, and the installation is the same one in a later epoch', async () => {
    await restoreTo(target.database.pool, sealer, backup);

    const { prisma } = target.database;
    expect(await prisma.session.count({ where: { endedAt: null } })).toBe(0);
    expect(await prisma.session.count()).toBe(before['sessions']?.length);
    expect(await prisma.signingKey.count({ where: { state: { not: 'revoked' } } })).toBe(0);
    const [was, is] = await Promise.all([
      server.database.prisma.installation.findFirstOrThrow(),
      prisma.installation.findFirstOrThrow(),
    ]);
    expect(is).toEqual({ ...was, grantEpoch: was.grantEpoch + 1 });
  });

  it('can be backed up and restored again, each time in a later epoch', async () => {
    await restoreTo(target.database.pool, sealer, backup);
    const again = await backUp(target.database.pool, sealer);
    const third = await openEmpty();
    const summary = await restoreTo(third.database.pool, sealer, again);
    await third.drop();
    expect(summary.ended).toEqual({ epoch: 3, grants: 0, sessions: 0 });
  });

  it('fills a database that was migrated and is empty', async () => {
    const migrated = await createTestDatabase();
    await restoreTo(migrated.database.pool, sealer, backup);
    expect(await migrated.database.prisma.user.count()).toBe(before['users']?.length);
    await migrated.drop();
  });

  it('Y10: a backup of an older version is restored as it was, and then migrated', async () => {
    const [init, ...later] = readMigrations();
    expect(later.length).toBeGreaterThan(0);
    const directory = mkdtempSync(join(tmpdir(), 'gatehouse-migrations-'));
    cpSync(join(MIGRATIONS_DIRECTORY, init?.name ?? ''), join(directory, init?.name ?? ''), {
      recursive: true,
    });
    const old = await openEmpty();
    await migrate(old.database.pool, { log: silent, directory });
    await old.database.pool.query(`
      INSERT INTO tenants (id, name) VALUES ('ten_default', 'default');
      INSERT INTO users (id, email, name) VALUES ('usr_1', 'ada@example.com', 'Ada');
      INSERT INTO clients (id, tenant_id, registration, name, auth_method, trust)
        VALUES ('cli_1', 'ten_default', 'preregistered', 'Old', 'none', 'known');
      INSERT INTO resources (id, tenant_id, identifier, name)
        VALUES ('res_1', 'ten_default', 'https://old.example/mcp', 'Old');
      INSERT INTO roles (id, tenant_id, name) VALUES ('rol_1', 'ten_default', 'member');
      INSERT INTO role_permits (id, role_id) VALUES ('prm_1', 'rol_1');
      INSERT INTO grants (id, tenant_id, user_id, client_id, resource_id, redirect_uri, auth_time, acr, activated_at, expires_at)
        VALUES ('grt_1', 'ten_default', 'usr_1', 'cli_1', 'res_1', 'https://a.example/', now(), 'phr', now(), now() + interval '1 day')`);
    const bytes = await backUp(old.database.pool, sealer);
    await old.drop();
    rmSync(directory, { recursive: true });

    const { ended, installation } = await restoreTo(target.database.pool, sealer, bytes);

    expect(installation).toBeUndefined();
    expect(ended).toEqual({ epoch: 2, grants: 1, sessions: 0 });
    expect(await target.database.prisma.grant.findMany()).toMatchObject([{ id: 'grt_1', epoch: 1 }]);
    // A permit for every resource has become one for each that there is.
    expect(await target.database.prisma.rolePermit.findMany()).toMatchObject([
      { roleId: 'rol_1', resourceId: 'res_1', scope: null },
    ]);
    expect(await migrate(target.database.pool, { log: silent })).toEqual([]);
  });
});

describe('a backup', () => {
  it('has what is secret as it is in the tables: hashed or sealed', async () => {
    const text = linesOf(backup).join('\n');
    const { accessToken, refreshToken } = await freshTokens(server, ada);
    const later = linesOf(await backUp(server.database.pool, sealer)).join('\n');
    for (const secret of [ada.person.password, ada.person.totpSecret, accessToken, refreshToken]) {
      expect(text).not.toContain(secret);
      expect(later).not.toContain(secret);
    }
    expect(text).not.toContain(server.environment['GATEHOUSE_MASTER_KEY']);
    expect(text).toContain(ada.person.email);
  });

  it('is recorded in the trail', async () => {
    const [record] = await listAudit(server.database.prisma, { event: 'backup.created', limit: 1 });
    expect(record).toMatchObject({ outcome: 'success', detail: { rows: expect.any(Number) } });
  });

  it('is refused when the master key is not the one that the store is sealed under', async () => {
    await expect(backUp(server.database.pool, createMasterSealer(randomBytes(32)))).rejects.toThrow(
      /not the one that this store was sealed with/,
    );
  });

  it('is refused where there is nothing', async () => {
    await expect(backUp(target.database.pool, sealer)).rejects.toThrow('there is nothing to back up');
  });

  it('Y10: is consistent while everybody works: each family has one leaf, and each row what it stands on', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => connected(server)));
    let done = false;
    const work = people.map(async (person) => {
      let { refreshToken } = await freshTokens(server, person);
      while (!done) {
        const { body } = await refresh(server, person.clientId, refreshToken);
        refreshToken = body.refresh_token ?? '';
        if (Math.random() < 0.3) ({ refreshToken } = await freshTokens(server, person));
        if (Math.random() < 0.1) await addPerson(server);
      }
    });
    const backups: Buffer[] = [];
    for (let n = 0; n < 6; n += 1) backups.push(await backUp(server.database.pool, sealer));
    done = true;
    await Promise.all(work);

    const families = backups.map((bytes) => {
      const tables = tablesOf(bytes);
      const tokens = tables.get('refresh_tokens') ?? [];
      const grants = tables.get('grants') ?? [];
      const codes = new Set((tables.get('authorization_codes') ?? []).map((row) => row['grant_id']));
      for (const { id, activated_at: activatedAt } of grants) {
        const generations = tokens.filter((row) => row['grant_id'] === id);
        const unused = generations.filter((row) => row['used_at'] === null);
        expect({ id, leaves: unused.length }).toEqual({ id, leaves: activatedAt === null ? 0 : 1 });
        expect(unused[0]?.['generation'] ?? '-1').toBe(String(generations.length - 1));
        expect(codes.has(id ?? '')).toBe(true);
      }
      const trail = (tables.get('audit_records') ?? []).filter(({ event }) => event === 'refresh.rotated');
      expect(trail).toHaveLength(tokens.filter((row) => row['generation'] !== '0').length);
      return tokens.length;
    });
    expect(new Set(families).size, 'nothing happened between the backups').toBeGreaterThan(1);
    const last = backups.at(-1) ?? backup;
    await restoreTo(target.database.pool, sealer, last);
  });
});

describe('U6: what is not whole, or not ours, is refused and changes nothing:', () => {
  const altered = (change: (lines: string[]) => readonly string[]) =>
    sealedAnew(change(linesOf(backup)), sealer);
  const withHeader = (members: Readonly<Record<string, unknown>>) =>
    altered(([header = '', ...lines]) => [JSON.stringify({ ...JSON.parse(header), ...members }), ...lines]);
  const headerOf = () => JSON.parse(linesOf(backup)[0] ?? '') as Record<string, never[]>;

  const refusals: readonly (readonly [what: string, make: () => Buffer, why: RegExp])[] = [
    ['nothing at all', () => Buffer.alloc(0), /ends too early/],
    ['another file', () => Buffer.from('PGDMP and so on'), /is no backup of Gatehouse/],
    ['another compressed file', () => gzipSync('hello\n'), /is no backup of Gatehouse/],
    ['a header alone', () => backup.subarray(0, 100), /ends too early/],
    ['the first half', () => backup.subarray(0, backup.length / 2), /ends too early/],
    ['all but the last byte', () => backup.subarray(0, -1), /ends too early/],
    ['rows without a seal', () => gzipSync(`${linesOf(backup).slice(0, -1).join('\n')}\n`), /ends too early/],
    ['a half line', () => gzipSync(linesOf(backup).join('\n').slice(0, -3)), /ends too early/],
    ['more after the end', () => Buffer.concat([backup, gzipSync('["x"]\n')]), /damaged/],
    ['two backups in one', () => Buffer.concat([backup, backup]), /damaged/],
    [
      'a value that somebody changed',
      () => gzipSync(linesOf(backup).join('\n').replaceAll('Ada Lovelace', 'Eve Lovelace').concat('\n')),
      /damaged or was altered/,
    ],
    [
      'a seal of somebody else',
      () => sealedAnew(linesOf(backup), createMasterSealer(randomBytes(32))),
      /damaged or was altered/,
    ],
    [
      'a row too few',
      () => altered((lines) => lines.filter((line) => !line.startsWith('["prm_'))),
      /damaged/,
    ],
    ['a row of nothing', () => altered(([header = '', ...lines]) => [header, '["x"]', ...lines]), /damaged/],
    [
      'a table that is none',
      () => altered(([header = '', ...lines]) => [header, '{"table":"pg_authid"}', ...lines]),
      /damaged/,
    ],
    [
      'a value that its column cannot have',
      () =>
        altered((lines) =>
          lines.map((line) => line.replace('["ten_default", "default", "2', '["ten_default", "default", "x')),
        ),
      /damaged/,
    ],
    ['a format of later', () => withHeader({ gatehouse_backup: 2 }), /has format 2/],
    ['a header without tables', () => withHeader({ tables: undefined }), /is no backup of Gatehouse/],
    [
      'other tables',
      () => withHeader({ tables: [{ name: 'users; DROP TABLE users', columns: ['id'], rows: 0 }] }),
      /other tables than its migrations make/,
    ],
    [
      'a newer version',
      () =>
        withHeader({
          made_by: '9.0.0',
          migrations: [...(headerOf()['migrations'] ?? []), { name: '29990101000000_later', checksum: 'x' }],
        }),
      /newer version of Gatehouse \(9\.0\.0; 29990101000000_later\): restore it with that version/,
    ],
    [
      'another history',
      () => withHeader({ migrations: readMigrations().map(({ name }) => ({ name, checksum: 'x' })) }),
      /other tables than this version of Gatehouse knows/,
    ],
  ];

  it.each(refusals)('%s', async (_what, make, why) => {
    const error = await restoreTo(target.database.pool, sealer, make()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_input', message: expect.stringMatching(why) });
    expect(await dump(target.database.pool)).toEqual({});
    const left = await target.database.pool.query(`SELECT to_regclass('_prisma_migrations') AS migrations`);
    expect(left.rows).toEqual([{ migrations: null }]);
  });

  it('any one bit that was flipped', async () => {
    const step = Math.floor(backup.length / 25);
    // The ten bytes of gzip's own head say when and where it was written, and nothing else.
    for (let at = 10; at < backup.length; at += step) {
      const flipped = Buffer.from(backup);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
      // A few bits of gzip say nothing, such as those that fill its last byte.
      if (saysTheSame(flipped, backup)) continue;
      const error = await restoreTo(target.database.pool, sealer, flipped).catch((thrown: unknown) => thrown);
      // The name of the master key is in the first line, so a bit of it looks like another key.
      const code = expect.stringMatching(/^(?:invalid_input|master_key_refused)$/);
      expect({ at, error }).toMatchObject({ at, error: { code } });
    }
    expect(await dump(target.database.pool)).toEqual({});
  });

  it('SEC-M1: another master key, in words that say which one is needed', async () => {
    await expect(
      restoreTo(target.database.pool, createMasterSealer(randomBytes(32)), backup),
    ).rejects.toMatchObject({
      code: 'master_key_refused',
      message: expect.stringMatching(/made under another master key.*GATEHOUSE_MASTER_KEY_FILE/),
    });
    expect(await dump(target.database.pool)).toEqual({});
  });

  it('a database in which something is', async () => {
    const there = await dump(server.database.pool);
    await expect(restoreTo(server.database.pool, sealer, backup)).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringMatching(/users.*name a new database in DATABASE_URL.*GATEHOUSE_DATA_DIR/),
    });
    expect(await dump(server.database.pool)).toEqual(there);

    await target.database.pool.query('CREATE TABLE notes (id int)');
    await expect(restoreTo(target.database.pool, sealer, backup)).rejects.toMatchObject({
      message: expect.stringContaining('the database is not empty (notes)'),
    });
    expect(await dump(target.database.pool)).toEqual({ notes: [] });
  });

  it('a database that was migrated further than the backup', async () => {
    const migrated = await createTestDatabase();
    await migrated.database.pool.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'x', '29990101000000_later')`,
    );
    await expect(restoreTo(migrated.database.pool, sealer, backup)).rejects.toMatchObject({
      code: 'already_exists',
    });
    await migrated.drop();
  });
});

function saysTheSame(changed: Buffer, original: Buffer): boolean {
  try {
    return gunzipSync(changed).equals(gunzipSync(original));
  } catch {
    return false;
  }
}
