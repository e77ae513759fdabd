import { randomBytes } from 'node:crypto';

import { addResource, type NewResource } from '../../src/domain/resources/index.ts';
import { addMembership } from '../../src/domain/tenants/index.ts';

import type { Person } from './flow.ts';
import { cause, type TestServer } from './server.ts';

export interface TestTenant {
  readonly id: string;
  /** Identifier of its one server. */
  readonly resource: string;
}

/** A tenant beside the default one, with a server of its own, whose members may do everything there. */
export async function addTenant(
  { database: { prisma } }: Pick<TestServer, 'database'>,
  people: readonly Pick<Person, 'id'>[],
  resource: Partial<NewResource> = {},
): Promise<TestTenant> {
  const name = `t${randomBytes(4).toString('hex')}`;
  const id = `ten_${name}`;
  const identifier = `https://files.${name}.example/mcp`;
  await prisma.tenant.create({
    data: {
      id,
      name,
      roles: { create: { id: `rol_${name}`, name: 'member' } },
    },
  });
  for (const { id: userId } of people) await addMembership(prisma, { tenantId: id, userId, role: 'member' });
  await addResource(
    prisma,
    {
      tenantId: id,
      identifier,
      name: 'Their Files',
      scopes: [
        { scope: 'files:read', description: 'Read your files', destructive: false },
        { scope: 'files:delete', description: 'Delete files', destructive: true },
      ],
      ...resource,
    },
    cause,
  );
  return { id, resource: identifier };
}
