import type { Prisma } from '../../platform/database/generated/client.ts';

export type { Sealer } from '../../platform/crypto/box.ts';
export type { PrismaClient } from '../../platform/database/generated/client.ts';

/** A Prisma client, or the transaction of the action. */
export type Db = Prisma.TransactionClient;
