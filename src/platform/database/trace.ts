import type { Pool, PoolClient } from 'pg';

/** Runs `work` as a named part of what is going on. */
export type Trace = <T>(
  name: string,
  work: () => Promise<T>,
  attributes?: Readonly<Record<string, string>>,
) => Promise<T>;

type Query = (...args: unknown[]) => Promise<unknown>;

const ATTRIBUTES = { 'db.system.name': 'postgresql' };

/**
 * Makes each statement of a pool a part of the trace: by its prepared name, else by its first word.
 * Never its text or its values, which may be anybody's.
 *
 * The time of a statement of the pool itself includes the wait for a connection.
 */
export function traceStatements(pool: Pool, trace: Trace): void {
  pool.query = tracedQuery(pool.query.bind(pool) as Query, trace) as Pool['query'];

  const connect = pool.connect.bind(pool) as Query;
  const traced = new WeakSet<object>();
  const connectTraced = async (...args: unknown[]) => {
    // With a callback it is the pool itself that asks, for a statement that is traced already.
    if (takesCallback(args)) return connect(...args);
    const client = (await connect()) as PoolClient;
    if (!traced.has(client)) {
      traced.add(client);
      client.query = tracedQuery(client.query.bind(client) as Query, trace) as PoolClient['query'];
    }
    return client;
  };
  pool.connect = connectTraced as Pool['connect'];
}

function tracedQuery(query: Query, trace: Trace): Query {
  return (...args) =>
    takesCallback(args) ? query(...args) : trace(nameOf(args[0]), () => query(...args), ATTRIBUTES);
}

function takesCallback(args: readonly unknown[]): boolean {
  return args.some((argument) => typeof argument === 'function');
}

function nameOf(statement: unknown): string {
  if (typeof statement === 'string') return verbOf(statement);
  const { name, text } = statement as { readonly name?: string; readonly text?: string };
  return name ?? verbOf(text ?? '');
}

/** `SELECT`, `BEGIN` and the like. */
function verbOf(text: string): string {
  return /^\s*([a-z]{1,20})\b/i.exec(text)?.[1]?.toUpperCase() ?? 'statement';
}
