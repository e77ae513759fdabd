import type { PrismaClient } from '../../platform/database/generated/client.ts';

import { notEnded } from './living.ts';

/** A living grant as its owner and an administrator see it. */
export interface Connection {
  readonly id: string;
  readonly userId: string;
  readonly userEmail: string;
  readonly client: {
    readonly id: string;
    readonly name: string;
    readonly registration: string;
    readonly trust: string;
  };
  readonly resource: { readonly identifier: string; readonly name: string };
  readonly scopes: readonly {
    readonly scope: string;
    readonly description: string;
    readonly destructive: boolean;
  }[];
  readonly staysConnected: boolean;
  readonly network: string | undefined;
  readonly since: Date;
  readonly lastUsedAt: Date | undefined;
  readonly expiresAt: Date;
}

/** Every living, activated grant, of one person or of all, newest first. */
export async function listConnections(prisma: PrismaClient, userId?: string): Promise<readonly Connection[]> {
  const rows = await prisma.grant.findMany({
    where: {
      ...(userId ? { userId } : {}),
      activatedAt: { not: null },
      ...(await notEnded(prisma)),
      expiresAt: { gt: new Date() },
    },
    include: {
      user: { select: { email: true } },
      client: { select: { id: true, name: true, registration: true, trust: true } },
      resource: { select: { identifier: true, name: true, scopes: true } },
      _count: { select: { refreshTokens: true } },
    },
    orderBy: { createdAt: 'desc' },
  });
  return rows.map((row) => ({
    id: row.id,
    userId: row.userId,
    userEmail: row.user.email,
    client: row.client,
    resource: { identifier: row.resource.identifier, name: row.resource.name },
    scopes: row.scopes.map((scope) => {
      const known = row.resource.scopes.find((candidate) => candidate.scope === scope);
      return { scope, description: known?.description ?? scope, destructive: known?.destructive ?? false };
    }),
    staysConnected: row._count.refreshTokens > 0,
    network: row.network ?? undefined,
    since: row.createdAt,
    lastUsedAt: row.lastUsedAt ?? undefined,
    expiresAt: row.expiresAt,
  }));
}
