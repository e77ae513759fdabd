import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClient } from '../../../src/domain/clients/index.ts';
import { authenticateResource } from '../../../src/domain/resources/index.ts';
import { seedDefaultTenant } from '../../../src/domain/tenants/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type CliRun, runCli } from '../../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

// Each command is a process of its own, and a story of nine takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let test: TestDatabase;
let cwd: string;
let cli: (...args: readonly string[]) => Promise<CliRun>;

beforeAll(async () => {
  test = await createTestDatabase();
  await seedDefaultTenant(test.database.pool, DEFAULT_TENANT);
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
  chmodSync(cwd, 0o755);
  const env = { DATABASE_URL: test.url, GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url') };
  cli = (...args) => runCli([...args, '--json'], { cwd, env });
});

afterAll(async () => {
  await test.drop();
  rmSync(cwd, { recursive: true, force: true });
});

const NAMED = ['client', 'add', '--name', 'Signed', '--redirect-uri', 'https://c.example/cb'];
const byKeys = (...more: readonly string[]) => cli(...NAMED, '--auth', 'private_key_jwt', ...more);

function keyFile(...keys: readonly object[]): string {
  const file = join(cwd, 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys }));
  return file;
}

const rsa = (modulusLength: number) =>
  generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' });

describe('gatehouse client add --auth private_key_jwt', () => {
  it('MCP 43: keeps the public keys of a file', async () => {
    const key = { ...rsa(2048), alg: 'RS256', kid: 'k1', use: 'sig' };
    const added = await byKeys('--jwks-file', keyFile(key));
    expect(added.code).toBe(0);
    const { client_id } = added.json<{ client_id: string }>();
    expect(added.json()).toEqual({ client_id: expect.stringMatching(/^cli_/) });
    expect(await findClient(test.database.pool, client_id)).toMatchObject({
      authMethod: 'private_key_jwt',
      metadata: { jwks: { keys: [key] } },
    });
  });

  it.each([
    [
      'a private key',
      () => [generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })],
      'private key',
    ],
    ['a shared secret', () => [{ kty: 'oct', k: 'AA' }], 'shared secret'],
    ['RSA of 1024 bits', () => [rsa(1024)], 'has 1024 bits; RSA needs at least 2048'],
    ['RS512', () => [{ ...rsa(2048), alg: 'RS512', kid: 'k1' }], 'the key "k1" of jwks is for RS512'],
    ['no key', () => [], '1 to 20 keys'],
  ])('K5: refuses %s, and says so', async (_what, keys, words) => {
    const refused = await byKeys('--jwks-file', keyFile(...keys()));
    expect(refused.code).toBe(1);
    expect(refused.json()).toMatchObject({ error: 'invalid_input', reason: expect.stringContaining(words) });
  });

  it('refuses a jwks_uri that is no public https URL, and neither keys nor both', async () => {
    const file = keyFile(rsa(2048));
    for (const [more, words] of [
      [['--jwks-uri', 'http://localhost/jwks'], 'https URL'],
      [['--jwks-uri', 'https://user@c.example/jwks'], 'without user'],
      [['--jwks-uri', 'https://c.example/jwks', '--jwks-file', file], 'not both'],
      [[], 'needs jwks or jwks_uri'],
    ] as const) {
      const refused = await byKeys(...more);
      expect(refused.json()).toMatchObject({ reason: expect.stringContaining(words) });
      expect(refused.code).toBe(1);
    }
  });

  it('takes a jwks_uri that nobody answers at, with a warning', async () => {
    const added = await byKeys('--jwks-uri', 'https://keys.invalid/jwks');
    expect(added.code).toBe(0);
    expect(added.json()).toMatchObject({
      warning: expect.stringContaining('could not be fetched from here'),
    });
  });
});

describe('gatehouse … secret', () => {
  it('J11: rotates the secret of a client, lists when its secrets end, and ends the old one', async () => {
    const added = await cli(...NAMED, '--auth', 'client_secret_basic');
    const { client_id: id, client_secret: first } =
      added.json<Record<'client_id' | 'client_secret', string>>();

    const rotated = await cli('client', 'secret', 'rotate', id, '--overlap', '24h');
    expect(rotated.json()).toEqual({
      client_id: id,
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      previous_expires_at: expect.stringMatching(/^\d{4}-/),
    });
    const { client_secret: second } = rotated.json<{ client_secret: string }>();
    expect(second).not.toBe(first);

    const listed = await cli('client', 'secret', 'list', id);
    expect(listed.json()).toEqual([
      { created_at: expect.any(String) },
      { created_at: expect.any(String), expires_at: rotated.json()['previous_expires_at'] },
    ]);
    for (const secret of [first, second]) expect(listed.stdout).not.toContain(secret);

    expect((await cli('client', 'secret', 'rotate', id, '--overlap', '1h')).code).toBe(1);
    expect((await cli('client', 'secret', 'revoke', id)).json()).toEqual({ client_id: id });
    expect((await cli('client', 'secret', 'revoke', id)).code).toBe(1);
    expect((await cli('client', 'secret', 'list', id)).json()).toHaveLength(1);

    const records = await cli('audit', 'list', '--client', id);
    const events = records.json<{ event: string }[]>().map(({ event }) => event);
    expect(events.filter((event) => event.startsWith('secret.')).sort()).toEqual([
      'secret.revoked',
      'secret.rotated',
    ]);
  });

  it('does the same for a resource, named by its identifier or id', async () => {
    const identifier = 'https://files.example.com/mcp';
    const added = await cli(
      ...['resource', 'add', '--identifier', identifier, '--name', 'Files', '--scope', 'f:r=Read'],
      '--with-secret',
    );
    const { id, secret: first } = added.json<Record<'id' | 'secret', string>>();
    const { secret: second } = (
      await cli('resource', 'secret', 'rotate', identifier, '--overlap', '30m')
    ).json<{ secret: string }>();
    for (const secret of [first, second]) {
      expect(await authenticateResource(test.database.pool, id, secret)).toBeDefined();
    }
    expect((await cli('resource', 'secret', 'rotate', id)).json()).toEqual({
      id,
      secret: expect.any(String),
    });
    for (const secret of [first, second]) {
      expect(await authenticateResource(test.database.pool, id, secret)).toBeUndefined();
    }
    expect((await cli('resource', 'secret', 'list', identifier)).json()).toHaveLength(1);
  });

  it('refuses in words what cannot be', async () => {
    expect((await cli('client', 'secret', 'rotate', 'cli_nobody')).json()).toMatchObject({
      error: 'not_found',
    });
    expect((await cli('client', 'secret', 'rotate', 'cli_nobody', '--overlap', 'a while')).code).toBe(2);
    const { client_id: id } = (await cli(...NAMED)).json<{ client_id: string }>();
    expect((await cli('client', 'secret', 'rotate', id)).json()).toMatchObject({
      reason: expect.stringContaining('without a secret'),
    });
  });
});
