import type { Pool, QueryResult } from 'pg';

import type { Database, PrismaClient } from '../../platform/database/index.ts';

import type { AuditRow } from './record.ts';
import type { AuditedStatement } from './store.ts';

/** Is told of each record once, after its commit. It must not throw: what it is told of has happened. */
export type AuditObserver = (record: Pick<AuditRow, 'event' | 'outcome' | 'reason' | 'detail'>) => void;

/** The observer of what is written through a pool, a client of Prisma, or a transaction of it. */
const observers = new WeakMap<object, AuditObserver>();

/** For a record that a statement of its own wrote through `writer`. */
export function tellObserver(writer: object, record: Parameters<AuditObserver>[0]): void {
  observers.get(writer)?.(record);
}

type Store = Pick<Database, 'pool' | 'prisma'>;

/**
 * The same store, seen by somebody who counts. Every record passes here on its way to the trail, so
 * none is forgotten; what is rolled back, or never commits, is not told.
 *
 * An audited statement is told when it answers a row. One inside a transaction of Prisma waits for
 * the end of that transaction.
 */
export function observeAudit<S extends Store>(store: S, observer: AuditObserver): S {
  return {
    ...store,
    pool: observedPool(store.pool, observer),
    prisma: observedPrisma(store.prisma, observer),
  };
}

function observedPool(pool: Pool, observer: AuditObserver): Pool {
  const query = async (statement: AuditedStatement): Promise<QueryResult> => {
    const result = await pool.query(statement);
    if (result.rowCount === 1) observer(statement.record);
    return result;
  };
  const dispatch = (...args: Parameters<Pool['query']>) =>
    isAudited(args[0]) ? query(args[0]) : pool.query(...args);
  const view = viewOf(pool, { query: dispatch as Pool['query'] });
  observers.set(view, observer);
  return view;
}

function isAudited(statement: unknown): statement is AuditedStatement {
  return typeof statement === 'object' && statement !== null && 'record' in statement;
}

/** The part of a Prisma client that is the same within a transaction and outside. */
type Writer = Pick<PrismaClient, 'auditRecord'>;
type Transaction = (
  work: (tx: Writer) => Promise<unknown>,
  options?: Parameters<PrismaClient['$transaction']>[1],
) => Promise<unknown>;

function observedPrisma(prisma: PrismaClient, observer: AuditObserver): PrismaClient {
  const begin = prisma.$transaction.bind(prisma) as Transaction;
  const transaction: Transaction = async (work, options) => {
    const records: Parameters<AuditObserver>[0][] = [];
    const result = await begin((tx) => work(observedWriter(tx, (record) => records.push(record))), options);
    for (const record of records) observer(record);
    return result;
  };
  return viewOf(observedWriter(prisma, observer), {
    $transaction: transaction as PrismaClient['$transaction'],
  });
}

function observedWriter<W extends Writer>(writer: W, observer: AuditObserver): W {
  const { auditRecord } = writer;
  const create = async (args: Parameters<typeof auditRecord.create>[0]) => {
    const created = await auditRecord.create(args);
    observer(args.data as AuditRow);
    return created;
  };
  const observed = viewOf(auditRecord, { create: create as unknown as typeof auditRecord.create });
  const view = viewOf(writer, { auditRecord: observed } as Partial<W>);
  observers.set(view, observer);
  return view;
}

/** `target` with some of its members replaced. It keeps its own `this`, so its insides are untouched. */
function viewOf<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, key) {
      if (Object.hasOwn(members, key)) return members[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
