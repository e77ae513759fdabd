import type { Pool, PoolClient } from 'pg';

import type { Prisma } from '../../platform/database/generated/client.ts';

/** Runs one statement, on a connection or inside a transaction of Prisma. Bytes are `Uint8Array`. */
export type Run = <Row = unknown>(text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

export function runOn(connection: Pick<Pool | PoolClient, 'query'>): Run {
  return async (text, values) => {
    const bytes = values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value));
    return (await connection.query(text, bytes)).rows;
  };
}

export function runIn(tx: Prisma.TransactionClient): Run {
  return (text, values) => tx.$queryRawUnsafe(text, ...values);
}
