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
