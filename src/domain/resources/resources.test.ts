import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { AlreadyExists, InvalidInput, NotFound } from '../../kernel/errors.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';
import { listAudit } from '../audit/index.ts';
import { seedDefaultTenant } from '../tenants/index.ts';

import {
  addResource,
  authenticateResource,
  findResource,
  listResources,
  parseTools,
  type Resource,
  removeResource,
} from './index.ts';

const cause = byHousekeeping('test');
const files = {
  tenantId: DEFAULT_TENANT,
  identifier: 'https://files.example/mcp',
  name: 'Files',
  scopes: [
    { scope: 'files:read', description: 'Read your files', destructive: false },
    { scope: 'files:delete', description: 'Delete your files', destructive: true },
  ],
};

describe('resources', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
    await seedDefaultTenant(test.database.pool, DEFAULT_TENANT);
  });
  afterAll(() => test.drop());

  it('finds a resource by every spelling of its identifier', async () => {
    const { prisma, pool } = test.database;
    const tools = [{ name: 'read', title: 'Read', scopes: ['files:read'], effect: 'read' as const }];
    const { resource, secret } = await addResource(prisma, { ...files, tools }, cause);

    expect(secret).toBeUndefined();
    expect(await findResource(pool, 'HTTPS://Files.Example:443/mcp/')).toEqual(resource);
    expect(resource).toMatchObject({
      tools,
      scopes: files.scopes,
      defaultScopes: ['files:read'],
      hasSecret: false,
      admitsStrangers: true,
    });
    expect(await findResource(pool, 'https://files.example/other')).toBeUndefined();
    expect(await findResource(pool, 'not a URL')).toBeUndefined();
  });

  it.each(['https://spelt.example/mcp/', 'https://SPELT.example/mcp', 'https://spelt.example:443/mcp'])(
    'REP-F5: addResource refuses %s and names the spelling of tokens and metadata',
    async (identifier) => {
      await expect(addResource(test.database.prisma, { ...files, identifier }, cause)).rejects.toThrow(
        'Register the identifier as https://spelt.example/mcp:',
      );
      expect(await findResource(test.database.pool, identifier)).toBeUndefined();
    },
  );

  it('refuses an identifier that is taken, and records nothing for it', async () => {
    const { prisma } = test.database;
    const before = (await listAudit(prisma, { event: 'resource.added' })).length;
    await expect(addResource(prisma, files, cause)).rejects.toThrow(AlreadyExists);
    expect(await listAudit(prisma, { event: 'resource.added' })).toHaveLength(before);
  });

  it.each([
    ['an identifier with a query', { identifier: 'https://x.example/mcp?a' }],
    ['no scope', { scopes: [] }],
    ['openid as a scope', { scopes: [{ scope: 'openid', description: 'x', destructive: false }] }],
    [
      'offline_access as a scope',
      { scopes: [{ scope: 'offline_access', description: 'x', destructive: false }] },
    ],
    ['a scope with a space', { scopes: [{ scope: 'a b', description: 'x', destructive: false }] }],
    ['a scope with a quotation mark', { scopes: [{ scope: 'a"b', description: 'x', destructive: false }] }],
    ['a scope without a sentence', { scopes: [{ scope: 'a', description: ' ', destructive: false }] }],
    ['a default scope that is not offered', { defaultScopes: ['files:write'] }],
    [
      'a tool that needs a scope that is not offered',
      {
        tools: [{ name: 't', title: 'T', scopes: ['x'], effect: 'read' as const }],
      },
    ],
  ])('refuses %s', async (_what, change) => {
    const input = { ...files, identifier: 'https://refused.example/mcp', ...change };
    await expect(addResource(test.database.prisma, input, cause)).rejects.toThrow(InvalidInput);
    expect(await findResource(test.database.pool, 'https://refused.example/mcp')).toBeUndefined();
  });

  describe('SEC-H2, NEW-1: a scope that a destructive tool needs', () => {
    const unflagged = {
      tenantId: DEFAULT_TENANT,
      identifier: 'https://unflagged.example/mcp',
      name: 'Files',
      scopes: ['files:read', 'files:write', 'files:delete', 'files:admin'].map((scope) => ({
        scope,
        description: `May ${scope}`,
        destructive: scope === 'files:delete',
      })),
      tools: [
        { name: 'read', title: 'Read', scopes: ['files:read'], effect: 'read' as const },
        { name: 'write', title: 'Write', scopes: ['files:write'], effect: 'write' as const },
        { name: 'purge', title: 'Purge', scopes: ['files:admin'], effect: 'destructive' as const },
      ],
    };
    const destructiveOf = (resource: Resource | undefined) =>
      resource?.scopes.filter(({ destructive }) => destructive).map(({ scope }) => scope);

    it('SEC-H2, NEW-1: is destructive without a flag, and is no default scope', async () => {
      const { prisma, pool } = test.database;
      const { resource } = await addResource(prisma, unflagged, cause);
      expect(destructiveOf(resource)).toEqual(['files:delete', 'files:admin']);
      expect(resource.defaultScopes).toEqual(['files:read', 'files:write']);
      expect(await findResource(pool, unflagged.identifier)).toEqual(resource);
    });

    it.each([
      ['files:admin', 'the tool purge needs it'],
      ['files:delete', 'it is flagged so'],
    ])('SEC-H2, NEW-1: addResource refuses %s as a default scope, since %s', async (scope, why) => {
      const { prisma, pool } = test.database;
      const identifier = 'https://unsound.example/mcp';
      const input = { ...unflagged, identifier, defaultScopes: ['files:read', scope] };
      await expect(addResource(prisma, input, cause)).rejects.toThrow(
        `The scope ${scope} is destructive (${why}) and cannot be a default scope`,
      );
      expect(await findResource(pool, identifier)).toBeUndefined();
    });

    it('SEC-H2, NEW-1: becomes destructive when a tool of an existing resource does', async () => {
      const { prisma, pool } = test.database;
      const identifier = 'https://upgraded.example/mcp';
      const { resource } = await addResource(prisma, { ...unflagged, identifier }, cause);
      await pool.query(
        `UPDATE resource_tools SET effect = 'destructive' WHERE resource_id = $1 AND name = 'write'`,
        [resource.id],
      );
      expect(destructiveOf(await findResource(pool, identifier))).toEqual([
        'files:write',
        'files:delete',
        'files:admin',
      ]);
    });
  });

  it('knows a resource by its secret, under its id or its identifier, and by no other', async () => {
    const { prisma, pool } = test.database;
    const identifier = 'https://secret.example/mcp';
    const { resource, secret = '' } = await addResource(
      prisma,
      { ...files, identifier, withSecret: true },
      cause,
    );

    expect(secret).toMatch(/^[\w-]{43}$/);
    expect((await authenticateResource(pool, resource.id, secret))?.identifier).toBe(identifier);
    expect((await authenticateResource(pool, identifier, secret))?.id).toBe(resource.id);
    expect(await authenticateResource(pool, identifier, `${secret}x`)).toBeUndefined();
    expect(await authenticateResource(pool, files.identifier, secret)).toBeUndefined();
    const stored = await pool.query('SELECT to_jsonb(r)::text AS row FROM resources r');
    expect(stored.rows.map(({ row }) => row).join()).not.toContain(secret);
  });

  it('never finds a removed resource again, and one added later under its name is another', async () => {
    const { prisma, pool } = test.database;
    const identifier = 'https://gone.example/mcp';
    const first = await addResource(prisma, { ...files, identifier, withSecret: true }, cause);

    expect(await removeResource(prisma, 'https://GONE.example/mcp/', cause)).toEqual({
      id: first.resource.id,
      identifier,
    });
    expect(await findResource(pool, identifier)).toBeUndefined();
    expect(await authenticateResource(pool, first.resource.id, first.secret ?? '')).toBeUndefined();
    await expect(removeResource(prisma, identifier, cause)).rejects.toThrow(NotFound);

    const second = await addResource(prisma, { ...files, identifier }, cause);
    expect((await findResource(pool, identifier))?.id).toBe(second.resource.id);
    expect(second.resource.id).not.toBe(first.resource.id);
    expect((await listResources(pool)).filter((resource) => resource.name === 'Files')).not.toHaveLength(0);
    expect(await listAudit(prisma, { event: 'resource.removed' })).toMatchObject([{ resource: identifier }]);
  });

  it('names what does not fit in a tool catalogue', () => {
    expect(() => parseTools([{ name: 'a', title: 'A', scopes: [], effect: 'maybe' }])).toThrow(/0\.effect/);
    expect(() => parseTools({})).toThrow(InvalidInput);
  });
});
