import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { InvalidInput, NotFound } from '../../kernel/errors.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';
import { listAudit } from '../audit/index.ts';
import { seedDefaultTenant } from '../tenants/index.ts';

import { addResource, changeResource, findResource, type Resource, type ResourceChange } from './index.ts';

const cause = byHousekeeping('test');
let test: TestDatabase;
let resource: Resource;
let count = 0;

beforeAll(async () => {
  test = await createTestDatabase();
  await seedDefaultTenant(test.database.pool, DEFAULT_TENANT);
});
afterAll(() => test.drop());
beforeEach(async () => {
  count += 1;
  ({ resource } = await addResource(
    test.database.prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: `https://change${count}.example/mcp`,
      name: 'Files',
      scopes: [
        { scope: 'files:read', description: 'Read files', destructive: false },
        { scope: 'files:write', description: 'Create, change and delete files', destructive: false },
      ],
      tools: [
        { name: 'read', title: 'Read', scopes: ['files:read'], effect: 'read' },
        { name: 'write', title: 'Write', scopes: ['files:write'], effect: 'write' },
      ],
    },
    cause,
  ));
});

const change = (what: ResourceChange, name = resource.id) =>
  changeResource(test.database.prisma, name, what, cause);
const records = () => listAudit(test.database.prisma, { event: 'resource.changed' });

describe('changeResource', () => {
  it('NEW-9: adds a scope, moves a tool to it, and says in the audit record what changed', async () => {
    const { after } = await change(
      {
        name: 'Team Files',
        scopes: [
          { scope: 'files:delete', description: 'Delete files' },
          { scope: 'files:write', description: 'Create and change files' },
        ],
        tools: [
          ...resource.tools,
          { name: 'delete', title: 'Delete', scopes: ['files:delete'], effect: 'destructive' },
        ],
      },
      resource.identifier,
    );
    expect(after).toMatchObject({
      name: 'Team Files',
      defaultScopes: ['files:read', 'files:write'],
      scopes: [
        { scope: 'files:read', destructive: false },
        { scope: 'files:write', description: 'Create and change files', destructive: false },
        { scope: 'files:delete', description: 'Delete files', destructive: true },
      ],
    });
    expect(await findResource(test.database.pool, resource.identifier)).toEqual(after);
    expect((await records())[0]).toMatchObject({
      resource: resource.identifier,
      detail: {
        id: resource.id,
        name: 'Team Files',
        scopes_added: ['files:delete'],
        sentences_changed: ['files:write'],
        destructive: ['files:delete'],
        tools_added: ['delete'],
      },
    });
  });

  it('NEW-9, SEC-H2: takes a scope out of the default ones when it becomes destructive or is removed', async () => {
    const [read, write] = resource.tools;
    if (!read || !write) throw new Error('the resource has two tools');
    const { changes } = await change({ tools: [read, { ...write, effect: 'destructive' }] });
    expect(changes).toEqual({
      destructive: ['files:write'],
      tools_changed: ['write'],
      default_scopes: ['files:read'],
    });
    const harmless = await change({ tools: resource.tools, defaultScopes: ['files:write'] });
    expect(harmless.after.defaultScopes).toEqual(['files:write']);
    const removed = await change({ removeScopes: ['files:write'], tools: [read] });
    expect(removed.after.defaultScopes).toEqual([]);
  });

  it('NEW-9: flags a scope and removes the flag', async () => {
    expect((await change({ flag: ['files:write'] })).changes).toMatchObject({ destructive: ['files:write'] });
    expect((await change({ unflag: ['files:write'] })).changes).toEqual({
      no_longer_destructive: ['files:write'],
    });
  });

  it.each<[string, ResourceChange, RegExp]>([
    [
      'a tool needs the removed scope',
      { removeScopes: ['files:write'] },
      /tool write needs the scope files:write/,
    ],
    ['no scope is left', { removeScopes: ['files:read', 'files:write'], tools: [] }, /at least one scope/],
    ['a scope to remove is not offered', { removeScopes: ['x'] }, /x is not offered/],
    ['a default scope is not offered', { defaultScopes: ['x'] }, /x is not offered/],
    ['a flagged scope is not offered', { flag: ['x'] }, /x is not offered/],
    [
      'a default scope is destructive',
      { flag: ['files:read'], defaultScopes: ['files:read'] },
      /is destructive/,
    ],
    ['a scope has no sentence', { scopes: [{ scope: 'x', description: ' ' }] }, /needs a sentence/],
    ['the name is empty', { name: ' ' }, /needs a name/],
  ])('NEW-9: changes nothing when %s', async (_why, what, message) => {
    const before = (await records()).length;
    await expect(change(what)).rejects.toThrow(InvalidInput);
    await expect(change(what)).rejects.toThrow(message);
    expect(await findResource(test.database.pool, resource.identifier)).toEqual(resource);
    expect(await records()).toHaveLength(before);
  });

  it('NEW-9: records nothing when nothing changes, and knows no resource that is not registered', async () => {
    const before = (await records()).length;
    expect((await change({ name: 'Files' })).changes).toEqual({});
    expect(await records()).toHaveLength(before);
    await expect(change({ name: 'x' }, 'https://none.example/mcp')).rejects.toThrow(NotFound);
  });
});
