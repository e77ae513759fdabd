import type { Prisma } from '../../platform/database/generated/client.ts';

/** A Prisma client, or the transaction of the action. */
export type Db = Prisma.TransactionClient;
