import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askForClient, catalogueStatus, listRules, setRule } from '../../../src/domain/admission/index.ts';
import { findClientCredentials } from '../../../src/domain/clients/index.ts';
import { findResource } from '../../../src/domain/resources/index.ts';
import { seedDefaultTenant } from '../../../src/domain/tenants/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type CliRun, runCli } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { cause } from '../../support/server.ts';

const URL_OF = 'https://app.example/oauth/client.json';

describe('gatehouse', { timeout: 120_000 }, () => {
  let test: TestDatabase;
  let cwd: string;
  let env: Record<string, string>;
  const cli = (...args: readonly string[]): Promise<CliRun> => runCli(args, { cwd, env });
  const json = async <T = Record<string, unknown>>(...args: readonly string[]): Promise<T> => {
    const run = await cli(...args, '--json');
    expect(run).toMatchObject({ stderr: '' });
    return run.json<T>();
  };

  beforeAll(async () => {
    test = await createTestDatabase();
    await seedDefaultTenant(test.database.pool, DEFAULT_TENANT);
    cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
    chmodSync(cwd, 0o755);
    env = {
      DATABASE_URL: test.url,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
      GATEHOUSE_METADATA_DOCUMENTS: 'allowlist',
    };
  });
  afterAll(async () => {
    await test.drop();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('client trust says how far a client is trusted, and what it was before', async () => {
    const { client_id: id = '' } = await json<Record<string, string>>(
      'client',
      'add',
      '--name',
      'Desk',
      '--redirect-uri',
      'http://127.0.0.1/cb',
    );
    expect(await json('client', 'trust', id, 'trusted')).toEqual({
      client_id: id,
      trust: 'trusted',
      was: 'known',
    });
    expect((await cli('client', 'trust', id, 'blocked')).stdout).toContain('is blocked; it was trusted.');
    const unknown = await cli('client', 'trust', 'cli_nobody', 'known', '--json');
    expect(unknown.code).toBe(1);
    expect(unknown.json()).toMatchObject({ error: 'not_found' });
    expect(await test.database.prisma.auditRecord.count({ where: { event: 'client.trust_changed' } })).toBe(
      2,
    );
  });

  it('client allow, rules and disallow keep the rules, and client list shows what comes of them', async () => {
    const { prisma } = test.database;
    await prisma.client.create({
      data: {
        id: URL_OF,
        tenantId: 'ten_default',
        registration: 'document',
        name: 'Some App',
        authMethod: 'none',
        trust: 'untrusted',
      },
    });
    const listed = async () =>
      (await json<{ client_id: string; trust: string }[]>('client', 'list')).find(
        ({ client_id }) => client_id === URL_OF,
      )?.trust;
    expect(await listed()).toBe('blocked');
    await setRule(prisma, { tenantId: DEFAULT_TENANT, pattern: URL_OF }, cause);
    expect(await json('client', 'allow', URL_OF, '--trust', 'trusted')).toEqual({
      pattern: URL_OF,
      trust: 'trusted',
      was: 'known',
    });
    expect(await json('client', 'trust', URL_OF, 'untrusted')).toMatchObject({ was: 'trusted' });
    expect(await listed()).toBe('untrusted');
    expect(await json('client', 'allow', 'https://partner.example/')).toEqual({
      pattern: 'https://partner.example',
      trust: 'untrusted',
    });
    const tooMuch = await cli('client', 'allow', 'https://partner.example', '--trust', 'known');
    expect([tooMuch.code, tooMuch.stderr]).toEqual([1, expect.stringContaining('untrusted at most')]);

    expect(await json('client', 'rules')).toMatchObject([
      { pattern: URL_OF, kind: 'url', trust: 'untrusted' },
      { pattern: 'https://partner.example', kind: 'host', trust: 'untrusted' },
    ]);
    for (const pattern of [URL_OF, 'https://partner.example/']) {
      expect(await json('client', 'disallow', pattern)).toEqual({ pattern });
    }
    expect((await cli('client', 'disallow', URL_OF)).code).toBe(1);
    expect((await cli('client', 'rules')).stdout).toContain('GATEHOUSE_METADATA_DOCUMENTS is allowlist');
  });

  it('client requests, approve and reject decide what people ask for', async () => {
    const { id: userId } = await json<{ id: string }>(
      'user',
      'add',
      '--email',
      'ada@example.com',
      '--name',
      'Ada',
    );
    const { prisma } = test.database;
    const bounds = { perPerson: 10, inAll: 10 };
    const urls = ['https://one.example/c.json', 'https://two.example/c.json'] as const;
    for (const clientId of urls) {
      const asked = { tenantId: 'ten_default', userId, clientId, reason: 'for \u001b[31mnotes' };
      expect(await askForClient(prisma, asked, bounds, cause)).toBe('asked');
    }
    const waiting = await json<{ id: string }[]>('client', 'requests');
    expect(waiting).toMatchObject(
      urls.map((client_id) => ({
        client_id,
        user: 'ada@example.com',
        reason: 'for [31mnotes',
        decision: 'waiting',
      })),
    );
    expect(await json('client', 'approve', urls[0], '--trust', 'untrusted')).toEqual({
      client_id: urls[0],
      trust: 'untrusted',
      requests: 1,
    });
    expect(await json('client', 'reject', waiting[1]?.id ?? '')).toEqual({ client_id: urls[1], requests: 1 });
    expect((await cli('client', 'requests')).stdout).toContain('Nobody asks');
    expect(await json('client', 'requests', '--all')).toMatchObject([
      { decision: 'approved' },
      { decision: 'rejected' },
    ]);
    expect((await cli('client', 'approve', urls[0])).code).toBe(1);
    expect(await listRules(prisma, { tenantId: DEFAULT_TENANT })).toMatchObject([
      { pattern: urls[0], trust: 'untrusted' },
    ]);
  });

  it('client catalogue lists the well-known clients, and switches them on and off by name', async () => {
    const known = await json<{ name: string; enabled: boolean; by: string }[]>('client', 'catalogue', 'list');
    const entries = (await catalogueStatus(test.database.prisma, { tenantId: DEFAULT_TENANT })).map(
      ({ entry }) => entry.name,
    );
    expect(known.map(({ name }) => name)).toEqual(entries);
    expect(known.filter(({ enabled }) => enabled)).toEqual([]);

    expect(await json('client', 'catalogue', 'enable', 'vscode')).toMatchObject({
      enabled: true,
      by: 'document',
      documents: [
        'https://vscode.dev/oauth/client-metadata.json',
        'https://insiders.vscode.dev/oauth/client-metadata.json',
      ],
    });
    const gemini = await json<Record<string, string>>('client', 'catalogue', 'enable', 'gemini-cli');
    expect(gemini['client_id']).toMatch(/^cli_/);
    expect(gemini['advice']).toContain(gemini['client_id']);
    expect(gemini).not.toHaveProperty('client_secret');
    const n8n = await json<Record<string, string>>('client', 'catalogue', 'enable', 'n8n-cloud');
    const kept = await findClientCredentials(test.database.pool, n8n['client_id'] ?? '');
    expect(kept?.client.authMethod).toBe('client_secret_basic');
    expect(n8n['client_secret']).toMatch(/^[\w-]{43}$/);
    const studio = await cli('client', 'catalogue', 'enable', 'lm-studio');
    expect([studio.code, studio.stdout]).toEqual([1, expect.stringContaining('cannot be switched on')]);

    const on = await json<{ name: string; enabled: boolean }[]>('client', 'catalogue', 'list');
    expect(on.filter(({ enabled }) => enabled).map(({ name }) => name)).toEqual([
      'vscode',
      'gemini-cli',
      'n8n-cloud',
    ]);
    expect(await json('client', 'catalogue', 'disable', 'gemini-cli')).toEqual({
      name: 'gemini-cli',
      enabled: false,
      grants_revoked: 0,
    });
  });

  it('resource add --no-strangers and resource strangers say who is let in at a server', async () => {
    const identifier = 'https://closed.example/mcp';
    const add = ['resource', 'add', '--name', 'Closed', '--scope', 'a=Do a'];
    await json(...add, '--identifier', identifier, '--no-strangers');
    await json(...add, '--identifier', 'https://open.example/mcp');
    const admits = async () =>
      (await json<{ admits_strangers: boolean }[]>('resource', 'list')).map(
        ({ admits_strangers }) => admits_strangers,
      );
    expect(await admits()).toEqual([false, true]);
    expect(await json('resource', 'strangers', identifier, 'admit')).toMatchObject({
      identifier,
      admits_strangers: true,
    });
    expect((await findResource(test.database.pool, identifier))?.admitsStrangers).toBe(true);
    expect((await cli('resource', 'strangers', 'https://open.example/mcp/', 'refuse')).stdout).toContain(
      'refuses',
    );
    expect(await admits()).toEqual([true, false]);
    expect((await cli('resource', 'strangers', identifier, 'perhaps')).code).toBe(2);
  });
});
