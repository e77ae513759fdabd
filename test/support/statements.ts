import pg from 'pg';

/** A statement as it reached the database. */
export interface Statement {
  /** Of a prepared statement, else its text. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Kept for a second or more by each process, and excluded: they are not of the request. */
const CACHED = /^(?:keys|server-secrets)-/;

/** The statements that reach the database from this process while something is done. */
export async function statementsDuring<T>(
  act: () => Promise<T>,
): Promise<{ readonly value: T; readonly statements: readonly Statement[] }> {
  const statements: Statement[] = [];
  const original = pg.Client.prototype.query;
  const recording = function (this: pg.Client, ...args: unknown[]) {
    const [first, values] = args as [string | Partial<Statement>, readonly unknown[] | undefined];
    const { name, text = '', values: bound } = typeof first === 'string' ? { text: first } : first;
    const statement = { name: name ?? text, text, values: bound ?? values ?? [] };
    if (!CACHED.test(statement.name)) statements.push(statement);
    return Reflect.apply(original, this, args) as never;
  };
  pg.Client.prototype.query = recording as typeof original;
  try {
    return { value: await act(), statements };
  } finally {
    pg.Client.prototype.query = original;
  }
}

/**
 * Pages of the store that a prepared statement looks at, run and rolled back. The pool has one connection, which has
 * prepared it by doing it before.
 */
export async function pagesOf(
  pool: pg.Pool,
  name: string,
  values: readonly (string | number | null)[],
): Promise<number> {
  const literals = values.map((value) => (value === null ? 'NULL' : `'${String(value)}'`)).join(', ');
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE "${name}"(${literals})`,
    );
    const [{ Plan: plan }] = rows[0]['QUERY PLAN'];
    return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** The parameters of an audit record, for a statement that ends with them. */
export function auditValues(event: string): readonly (string | null)[] {
  return [
    'aud_x',
    event,
    'success',
    null,
    null,
    null,
    null,
    '{}',
    null,
    'client',
    'cli_x',
    null,
    null,
    '{}',
    'req_x',
    null,
    null,
  ];
}
