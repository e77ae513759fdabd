import { Prisma } from '../../platform/database/generated/client.ts';

export type { PrismaClient } from '../../platform/database/generated/client.ts';

/** A Prisma client, or the transaction of the action. */
export type Db = Prisma.TransactionClient;

/** Whether a write failed because a unique value was taken. */
export function isTaken(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}
