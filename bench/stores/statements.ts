import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track_planning': 'on',
  'pg_stat_statements.max': '10000',
};

/** What has PostgreSQL keep what each statement took; `undefined` where these binaries come without its extension for it. */
export function statementSettings(postgres: string): Readonly<Record<string, string>> | undefined {
  return existsSync(join(dirname(postgres), '../lib/pg_stat_statements.so')) ? SETTINGS : undefined;
}

/** Means of one call: microseconds of planning and of execution, pages from the buffers and from elsewhere, bytes of WAL. */
const DEAREST = `
  SELECT d.datname AS database, s.calls::int AS calls, round(s.total_exec_time + s.total_plan_time) AS ms,
         round(s.mean_plan_time * 1000) AS plan, round(s.mean_exec_time * 1000) AS exec,
         round(s.shared_blks_hit / s.calls::numeric, 1) AS hit, round(s.shared_blks_read / s.calls::numeric, 2) AS read,
         round(s.wal_bytes / s.calls) AS wal,
         left(regexp_replace(s.query, '\\s+', ' ', 'g'), 110) AS query
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
  WHERE s.calls > 100 ORDER BY s.total_exec_time + s.total_plan_time DESC LIMIT 100`;

const MEMBERS = ['database', 'calls', 'ms', 'plan', 'exec', 'hit', 'read', 'wal', 'query'] as const;

/** Leaves the dearest statements of a cluster in a file, one a line, separated by tabs. */
export async function writeStatements(
  query: (text: string) => Promise<readonly Record<string, unknown>[]>,
  file: string,
): Promise<void> {
  await query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  const rows = await query(DEAREST);
  const lines = rows.map((row) => MEMBERS.map((member) => String(row[member])).join('\t'));
  writeFileSync(file, `${[MEMBERS.join('\t'), ...lines].join('\n')}\n`);
}
