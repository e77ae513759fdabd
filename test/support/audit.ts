import type { TestServer } from './server.ts';

/** A record of the trail, as far as tests ask for it. Absent members are `null`. */
export interface Recorded {
  readonly event: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly tenant: string | null;
  readonly subject: string | null;
  readonly client: string | null;
  readonly grant: string | null;
  readonly resource: string | null;
  readonly scopes: readonly string[];
  readonly detail: unknown;
}

/** What one action left in the store. */
export interface Observed<T> {
  readonly value: T;
  /** Oldest first. */
  readonly records: readonly Recorded[];
  readonly grants: number;
  readonly codes: number;
  readonly clients: number;
}

const COLUMNS = 'event, outcome, reason, tenant, subject, client, "grant", resource, scopes, detail';

const COUNTS = `
  SELECT (SELECT count(*)::int FROM grants) AS grants,
         (SELECT count(*)::int FROM authorization_codes) AS codes,
         (SELECT count(*)::int FROM clients) AS clients`;

/**
 * Does something and says which audit records, grants, codes and clients came of it. For a test
 * whose server does nothing else meanwhile.
 */
export async function observe<T>(
  { database: { pool } }: Pick<TestServer, 'database'>,
  action: () => Promise<T>,
): Promise<Observed<T>> {
  const earlier = (await pool.query<{ id: string }>('SELECT id FROM audit_records')).rows.map(({ id }) => id);
  const before = (await pool.query(COUNTS)).rows[0];
  const value = await action();
  const after = (await pool.query(COUNTS)).rows[0];
  const { rows: records } = await pool.query<Recorded>(
    `SELECT ${COLUMNS} FROM audit_records WHERE NOT (id = ANY($1)) ORDER BY time, ctid`,
    [earlier],
  );
  return {
    value,
    records,
    grants: after.grants - before.grants,
    codes: after.codes - before.codes,
    clients: after.clients - before.clients,
  };
}
