import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../../src/domain/audit/index.ts';
import {
  addClient,
  clientSecretMatches,
  findClient,
  findClientCredentials,
} from '../../../src/domain/clients/index.ts';
import { addResource, authenticateResource, findResource } from '../../../src/domain/resources/index.ts';
import { seedDefaultTenant } from '../../../src/domain/tenants/index.ts';
import { byHousekeeping } from '../../../src/kernel/cause.ts';
import { DEFAULT_TENANT, newId } from '../../../src/kernel/ids.ts';
import { type CliRun, runCli } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const PASSWORD = 'a long enough passphrase';

describe('gatehouse', () => {
  let test: TestDatabase;
  let cwd: string;
  let env: Record<string, string>;
  const cli = (args: readonly string[], stdin?: string): Promise<CliRun> =>
    runCli(args, { cwd, env, ...(stdin === undefined ? {} : { stdin }) });

  beforeAll(async () => {
    test = await createTestDatabase();
    await seedDefaultTenant(test.database.pool, DEFAULT_TENANT);
    cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
    chmodSync(cwd, 0o755);
    env = { DATABASE_URL: test.url, GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url') };
  });
  afterAll(async () => {
    await test.drop();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('user add stores the password that it reads from standard input, and shows the seed once', async () => {
    const run = await cli(
      ['user', 'add', '--email', 'Ada@Example.com', '--name', 'Ada', '--password-stdin', '--totp', '--json'],
      `${PASSWORD}\n`,
    );
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const user = run.json<{ id: string; totp: { secret: string; otpauth_uri: string } }>();
    expect(user).toEqual({
      id: expect.stringMatching(/^usr_/),
      email: 'ada@example.com',
      roles: ['member'],
      totp: {
        secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
        otpauth_uri: expect.stringMatching(/^otpauth:\/\/totp\//),
      },
    });

    const listed = await cli(['user', 'list', '--json']);
    expect(listed.json()).toMatchObject([
      { id: user.id, email: 'ada@example.com', name: 'Ada', disabled: false },
    ]);
    expect(listed.stdout).not.toContain(user.totp.secret);
  });

  it('NEW-5: audit list shows the address of a user beside the id', async () => {
    const added = await cli(['user', 'add', '--email', 'shown@example.com', '--name', 'Shown', '--json']);
    const { id } = added.json<{ id: string }>();
    const listed = await cli(['audit', 'list', '--event', 'user.added', '--subject', id]);
    expect(listed.stdout).toContain(`shown@example.com ${id}`);
  });

  it('user add refuses an address that is taken, with exit code 1 and the reason as JSON', async () => {
    const add = ['user', 'add', '--email', 'twice@example.com', '--name', 'Twice'];
    expect((await cli(add)).code).toBe(0);
    const again = await cli([...add, '--json']);
    expect(again).toMatchObject({ code: 1, stderr: '' });
    expect(again.json()).toEqual({
      error: 'already_exists',
      reason: expect.stringContaining('twice@example.com'),
    });
  });

  it('a password that is too short is refused, and nobody is added', async () => {
    const run = await cli(
      ['user', 'add', '--email', 'short@example.com', '--name', 'S', '--password-stdin'],
      'abc\n',
    );
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/at least/);
    expect(await test.database.prisma.user.count({ where: { email: 'short@example.com' } })).toBe(0);
  });

  it('user disable ends sessions and grants; enable lets the person in again, by address, id or option', async () => {
    const grant = await seedGrant('grace@example.com');
    expect((await cli(['grant', 'list', '--user', 'grace@example.com', '--json'])).json()).toMatchObject([
      {
        id: grant.id,
        user: 'grace@example.com',
        client_id: grant.clientId,
        resource: grant.resource,
        scopes: ['files:read'],
      },
    ]);
    const disabled = await cli(['user', 'disable', 'Grace@example.com', '--json']);
    expect(disabled.json()).toEqual({ id: grant.userId, email: 'grace@example.com', disabled: true });
    expect((await cli(['grant', 'list', '--user', grant.userId, '--json'])).json()).toEqual([]);
    expect((await cli(['user', 'enable', '--email', 'grace@example.com'])).code).toBe(0);
    expect((await cli(['grant', 'list', '--user', grant.userId, '--json'])).json()).toEqual([]);
    expect((await cli(['user', 'disable'])).code).toBe(2);
    expect((await cli(['user', 'disable', 'nobody@example.com', '--json'])).json()).toMatchObject({
      error: 'not_found',
    });
  });

  it('NEW-3: user add without password and seed makes an enrolment link, and user list says so', async () => {
    const add = ['user', 'add', '--email', 'linus@example.com', '--name', 'Linus', '--password-stdin'];
    const added = (await cli([...add, '--json'], `${PASSWORD}\n`)).json<Record<string, string>>();
    expect(added).toEqual({
      id: expect.stringMatching(/^usr_/),
      email: 'linus@example.com',
      roles: ['member'],
      enrolment_url: expect.stringMatching(/^http:\/\/localhost:4000\/enrol\?token=[\w-]{43}$/),
      enrolment_expires_at: expect.any(String),
    });
    const listed = (await cli(['user', 'list', '--json'])).json<object[]>();
    expect(listed).toContainEqual(
      expect.objectContaining({
        email: 'linus@example.com',
        sign_in: {
          possible: false,
          passkeys: 0,
          password: true,
          totp: false,
          link_expires_at: expect.any(String),
        },
      }),
    );
    expect((await cli(['user', 'list'])).stdout).toMatch(/linus@example\.com .*nothing yet: link until/);
    const wrong = await cli(['user', 'add', '--email', 'x@example.com', '--name', 'X', '--role', 'banana']);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain('admin, member');
  });

  it('NEW-3, SEC-L20: user reset, role, rename and remove do what they say, and remove keeps audit records', async () => {
    const { userId, id: grantId } = await seedGrant('barbara@example.com');
    const reset = (await cli(['user', 'reset', 'barbara@example.com', '--json'])).json<
      Record<string, unknown>
    >();
    expect(reset).toMatchObject({
      id: userId,
      grants_revoked: 1,
      recovery_url: expect.stringMatching(/\/enrol\?token=[\w-]{43}$/),
    });
    const grant = await test.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId } });
    expect(grant.revokedReason).toBe('user_reset');

    expect((await cli(['user', 'role', 'barbara@example.com', 'admin', '--json'])).json()).toMatchObject({
      roles: [{ tenant: 'default', roles: ['admin', 'member'] }],
    });
    const last = await cli(['user', 'disable', 'barbara@example.com']);
    expect(last).toMatchObject({ code: 1, stdout: '' });
    expect(last.stderr).toContain('--force');

    const rename = ['user', 'rename', 'barbara@example.com', '--new-email', 'liskov@example.com'];
    expect((await cli(rename)).stdout).toContain('liskov@example.com');
    const removed = await cli(['user', 'remove', 'liskov@example.com', '--force', '--json']);
    expect(removed.json()).toMatchObject({ id: userId, email: 'liskov@example.com' });
    expect(await test.database.prisma.user.count({ where: { id: userId } })).toBe(0);
    const events = (await listAudit(test.database.prisma, { subject: userId })).map(({ event }) => event);
    expect(events).toEqual(
      expect.arrayContaining(['grant.revoked', 'user.reset', 'user.roles_changed', 'user.removed']),
    );
  });

  it('client add makes a public client, or one with a secret that works', async () => {
    const uris = ['http://localhost/callback', 'http://127.0.0.1/callback'];
    const open = await cli(['client', 'add', '--name', 'Claude Code', '--redirect-uri', ...uris, '--json']);
    const { client_id: id = '' } = open.json<Record<string, string>>();
    expect(open.json()).toEqual({ client_id: expect.stringMatching(/^cli_[\w-]+$/) });
    expect(await findClient(test.database.pool, id)).toMatchObject({
      redirectUris: uris,
      trust: 'known',
      authMethod: 'none',
    });

    const run = await cli([
      'client',
      'add',
      '--name',
      'Portal',
      '--auth',
      'client_secret_basic',
      '--trust',
      'trusted',
      '--redirect-uri',
      'https://portal.example/a',
      '--redirect-uri',
      'https://portal.example/b',
      '--grant-type',
      'authorization_code',
      '--json',
    ]);
    const made = run.json<{ client_id: string; client_secret: string }>();
    const found = await findClientCredentials(test.database.pool, made.client_id);
    expect(clientSecretMatches(found?.secretHash, made.client_secret)).toBe(true);
    expect(found?.client).toMatchObject({
      trust: 'trusted',
      redirectUris: ['https://portal.example/a', 'https://portal.example/b'],
      grantTypes: ['authorization_code'],
    });
    expect((await cli(['client', 'list'])).stdout).not.toContain(made.client_secret);
  });

  it('client add takes public keys from a file, and refuses a private one in words', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const file = join(cwd, 'jwks.json');
    const add = [
      'client',
      'add',
      '--name',
      'Signed',
      '--redirect-uri',
      'https://c.example/cb',
      '--auth',
      'private_key_jwt',
      '--jwks-file',
      file,
      '--json',
    ];
    writeFileSync(file, JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }));
    expect((await cli(add)).code).toBe(0);
    writeFileSync(file, JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] }));
    expect((await cli(add)).json()).toMatchObject({ reason: expect.stringContaining('private key') });
    writeFileSync(file, '{');
    expect(await cli(add)).toMatchObject({ code: 2 });
  });

  it('B2: client add refuses a scheme that would run in the browser', async () => {
    const run = await cli([
      'client',
      'add',
      '--name',
      'X',
      '--redirect-uri',
      'javascript:alert(1)',
      '--json',
    ]);
    expect(run.code).toBe(1);
    expect(run.json()).toMatchObject({
      error: 'invalid_input',
      reason: expect.stringContaining('javascript:'),
    });
  });

  it('client remove revokes the grants of the client with it', async () => {
    const grant = await seedGrant('removal@example.com');
    expect((await cli(['client', 'remove', grant.clientId, '--json'])).json()).toEqual({
      client_id: grant.clientId,
      grants_revoked: 1,
    });
    expect((await cli(['client', 'remove', grant.clientId])).code).toBe(1);
    expect(await listAudit(test.database.prisma, { grant: grant.id })).toMatchObject([
      { event: 'grant.revoked', reason: 'client_removed' },
    ]);
  });

  it('client revoke-all ends every grant of a client, which stays', async () => {
    const grant = await seedGrant('all@example.com');
    const run = () => cli(['client', 'revoke-all', grant.clientId, '--json']);
    expect((await run()).json()).toEqual({ client_id: grant.clientId, grants_revoked: 1 });
    expect((await run()).json()).toEqual({ client_id: grant.clientId, grants_revoked: 0 });
    expect((await cli(['client', 'revoke-all', 'cli_nobody'])).code).toBe(1);
    expect(await listAudit(test.database.prisma, { grant: grant.id })).toMatchObject([
      { event: 'grant.revoked', reason: 'ended_by_administrator' },
    ]);
  });

  it('grant revoke ends one grant, once', async () => {
    const grant = await seedGrant('one@example.com');
    expect((await cli(['grant', 'revoke', grant.id, '--json'])).json()).toEqual({
      id: grant.id,
      consents_forgotten: 0,
      revoked: true,
    });
    expect(await cli(['grant', 'revoke', grant.id])).toMatchObject({ code: 1, stdout: '' });
    const audit = await cli(['audit', 'list', '--grant', grant.id, '--since', '1h', '--json']);
    expect(audit.json()).toMatchObject([
      {
        event: 'grant.revoked',
        outcome: 'success',
        reason: 'ended_by_administrator',
        subject: grant.userId,
        request_id: expect.stringMatching(/^req_/),
      },
    ]);
  });

  it('resource add writes identifier, scopes and tools, and its secret introspects', async () => {
    const tools = join(cwd, 'tools.json');
    writeFileSync(
      tools,
      JSON.stringify([{ name: 'rm', title: 'Delete', scopes: ['docs:delete'], effect: 'destructive' }]),
    );
    const run = await cli([
      'resource',
      'add',
      '--identifier',
      'https://docs.example/mcp',
      '--name',
      'Docs',
      '--scope',
      'docs:read=Read your documents',
      'docs:delete=Delete = for ever',
      '--destructive-scope',
      'docs:delete',
      '--default-scope',
      'docs:read',
      '--tools',
      tools,
      '--with-secret',
      '--json',
    ]);
    expect(run.stderr).toBe('');
    const made = run.json<{ id: string; secret: string }>();
    expect(made).toEqual({
      id: expect.stringMatching(/^res_/),
      identifier: 'https://docs.example/mcp',
      secret: expect.any(String),
    });
    expect(await findResource(test.database.pool, 'https://docs.example/mcp')).toMatchObject({
      defaultScopes: ['docs:read'],
      scopes: [
        { scope: 'docs:read', description: 'Read your documents', destructive: false },
        { scope: 'docs:delete', description: 'Delete = for ever', destructive: true },
      ],
      tools: [{ name: 'rm', effect: 'destructive' }],
    });
    expect(await authenticateResource(test.database.pool, made.id, made.secret)).toBeDefined();

    expect((await cli(['resource', 'list'])).stdout).toMatch(/NAME +IDENTIFIER/);
    expect((await cli(['resource', 'remove', made.id, '--json'])).json()).toMatchObject({ id: made.id });
    expect(await findResource(test.database.pool, 'https://docs.example/mcp')).toBeUndefined();
  });

  it('NEW-8, NEW-9: resource set adds a scope and reads the tools file of the example', async () => {
    const identifier = 'https://set.example/mcp';
    const tools = fileURLToPath(new URL('../../../examples/mcp-server/tools.json', import.meta.url));
    const add = [
      'resource',
      'add',
      '--identifier',
      identifier,
      '--name',
      'Set',
      '--scope',
      'files:read=Read',
    ];
    expect(await cli(add)).toMatchObject({ code: 0, stderr: '' });
    const set = ['resource', 'set', identifier];
    const missing = await cli([...set, '--tools', tools]);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('The tool write_file needs the scope files:write');
    const scopes = ['--scope', 'files:write=Create and change files', 'files:delete=Delete files'];
    const run = await cli([...set, ...scopes, '--tools', tools]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain('scopes added: files:write, files:delete');
    expect(run.stdout).toContain('destructive: files:delete');
    expect((await findResource(test.database.pool, identifier))?.tools).toHaveLength(5);
    expect((await cli([...set, '--name', 'Set', '--json'])).json()).toMatchObject({
      identifier,
      changes: {},
    });
    expect(await cli(set)).toMatchObject({ code: 2 });
  });

  it('G7: keys rotate publishes a key and says when it signs; again, it answers the same', async () => {
    const [before] = (await cli(['keys', 'list', '--json'])).json<{ kid: string }[]>();
    const run = await cli(['keys', 'rotate', '--json']);
    const next = run.json<{ kid: string; effective_at: string }>();
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(next).toEqual({
      kid: expect.any(String),
      algorithm: 'ES256',
      state: 'next',
      effective_at: expect.any(String),
    });
    const wait = (Date.parse(next.effective_at) - Date.now()) / 1000;
    expect(wait).toBeGreaterThan(390);
    expect(wait).toBeLessThan(421);
    expect((await cli(['keys', 'rotate', '--json'])).json()).toEqual(next);
    const at = { since: expect.any(String), created_at: expect.any(String) };
    expect((await cli(['keys', 'list', '--json'])).json()).toEqual([
      { kid: next.kid, algorithm: 'ES256', state: 'next', published: true, until: next.effective_at, ...at },
      { kid: before?.kid, algorithm: 'ES256', state: 'current', published: true, ...at },
    ]);
    expect((await cli(['keys', 'list'])).stdout).toMatch(/KID +ALGORITHM +STATE +SINCE +UNTIL +PUBLISHED/);
    expect((await cli(['keys', 'rotate'])).stdout).toContain('signs from');
  });

  it('G8: keys rotate --compromised makes a key that signs now, and names what it dropped', async () => {
    const before = (await cli(['keys', 'list', '--json'])).json<{ kid: string }[]>().map(({ kid }) => kid);
    const run = await cli(['keys', 'rotate', '--compromised', '--json']);
    const { kid, revoked } = run.json<{ kid: string; revoked: string[] }>();
    expect(run.json()).toMatchObject({ state: 'current', effective_at: expect.any(String) });
    expect(revoked.sort()).toEqual(before.sort());
    expect((await cli(['keys', 'list', '--json'])).json()).toMatchObject([
      { kid, state: 'current', published: true },
      ...before.map(() => ({ state: 'revoked', published: false })),
    ]);
    expect((await cli(['keys', 'rotate', '--compromised', '--wait', '--json'])).code).toBe(2);
  });

  it('G7: keys rotate --wait answers when the key signs, and shows how long that is on standard error', async () => {
    const quick = { ...env, GATEHOUSE_JWKS_LIFETIME: '1', GATEHOUSE_KEY_SKEW: '2' };
    const run = await runCli(['keys', 'rotate', '--wait', '--json'], { cwd, env: quick });
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/signs in \d+ s/);
    const { kid, state } = run.json<{ kid: string; state: string }>();
    expect(state).toBe('current');
    expect((await cli(['keys', 'list', '--json'])).json<object[]>()[0]).toMatchObject({
      kid,
      state: 'current',
    });
  });

  it('setup-link prints one link, of which only a hash is kept', async () => {
    const { url } = (await cli(['setup-link', '--json'])).json<{ url: string }>();
    const token = new URL(url).searchParams.get('token') ?? '';
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(url).toMatch(/^http:\/\/localhost:4000\//);
    const { rows } = await test.database.pool.query('SELECT to_jsonb(l)::text AS row FROM one_time_links l');
    expect(rows.map(({ row }) => row).join()).not.toContain(token);
  });

  it('L1: client registration-token shows a token once, lists what is left of it, and ends it', async () => {
    const tokens = ['client', 'registration-token'];
    const created = await cli([
      ...tokens,
      'create',
      '--expires',
      '12h',
      '--uses',
      '3',
      '--trust',
      'known',
      '--json',
    ]);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const {
      id,
      token,
      expires_at: expiresAt,
    } = created.json<Record<'id' | 'token' | 'expires_at', string>>();
    expect(created.json()).toMatchObject({ id: expect.stringMatching(/^rgt_/), trust: 'known', uses: 3 });
    expect(token).toMatch(/^ghi_[\w-]{43}$/);
    const hours = (new Date(expiresAt).getTime() - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(11.9);
    expect(hours).toBeLessThan(12.1);

    const listed = await cli([...tokens, 'list', '--json']);
    expect(listed.json()).toMatchObject([{ id, state: 'usable', trust: 'known', uses: 3, used: 0 }]);
    expect(listed.stdout).not.toContain(token);
    expect((await cli([...tokens, 'list'])).stdout).toContain('0 of 3');

    expect((await cli([...tokens, 'revoke', id, '--json'])).json()).toEqual({ id, revoked: true });
    expect((await cli([...tokens, 'list', '--json'])).json()).toMatchObject([{ id, state: 'revoked' }]);
    const again = await cli([...tokens, 'revoke', id, '--json']);
    expect(again).toMatchObject({ code: 1 });
    expect(again.json()).toMatchObject({ error: 'not_found', reason: expect.stringContaining(id) });
    const events = (await listAudit(test.database.prisma, {}))
      .filter(({ event }) => event.startsWith('registration_token.'))
      .map(({ event, detail }) => [event, (detail as { registration_token: string }).registration_token]);
    expect(events).toEqual([
      ['registration_token.created', id],
      ['registration_token.revoked', id],
    ]);
  });

  it.each([
    [['--expires', 'tomorrow'], 2],
    [['--expires', '366d'], 1],
    [['--expires', '0s'], 1],
    [['--uses', '0'], 1],
    [['--uses', 'many'], 2],
    [['--trust', 'trusted'], 2],
  ])('client registration-token create refuses %j, and makes none', async (options, code) => {
    const before = await test.database.prisma.registrationToken.count();
    const run = await cli(['client', 'registration-token', 'create', ...options, '--json']);
    expect(run.code).toBe(code);
    expect(run.json()).toHaveProperty('reason');
    expect(await test.database.prisma.registrationToken.count()).toBe(before);
  });

  it('prints names that were chosen to confuse a terminal without their control characters', async () => {
    const { prisma } = test.database;
    const plain = { name: 'Plain', redirectUris: ['https://c.example/cb'] };
    const { clientId } = await addClient(
      prisma,
      { tenantId: DEFAULT_TENANT, ...plain },
      byHousekeeping('test'),
    );
    await prisma.client.update({
      where: { id: clientId },
      data: { name: 'Evil\u001b[2J\u009b31m\u202egpj' },
    });
    const { stdout } = await cli(['client', 'list']);
    expect(stdout).toContain('Evil');
    for (const character of ['\u001b', '\u009b', '\u202e']) expect(stdout).not.toContain(character);
  });

  async function seedGrant(email: string) {
    const { prisma } = test.database;
    const cause = byHousekeeping('test');
    const person = await prisma.user.create({ data: { id: newId('usr'), email, name: 'Somebody' } });
    const { clientId } = await addClient(
      prisma,
      { tenantId: DEFAULT_TENANT, name: 'App', redirectUris: ['https://app.example/cb'] },
      cause,
    );
    const { resource } = await addResource(
      prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: `https://${randomBytes(8).toString('hex')}.example/mcp`,
        name: 'Files',
        scopes: [{ scope: 'files:read', description: 'Read', destructive: false }],
      },
      cause,
    );
    const grant = await prisma.grant.create({
      data: {
        id: newId('grt'),
        tenantId: 'ten_default',
        userId: person.id,
        clientId,
        resourceId: resource.id,
        scopes: ['files:read'],
        oidcScopes: [],
        redirectUri: 'https://app.example/cb',
        authTime: new Date(),
        acr: 'mfa',
        amr: ['pwd', 'otp'],
        activatedAt: new Date(),
        expiresAt: new Date(Date.now() + 86_400_000),
      },
    });
    return { id: grant.id, userId: person.id, clientId, resource: resource.identifier };
  }
});
