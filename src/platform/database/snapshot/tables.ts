import pg, { type PoolClient } from 'pg';

/** A table as its rows are read and written: its columns, in their order, with PostgreSQL's types. */
export interface Table {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** Prisma's table of what was migrated. It describes the schema and is no content. */
const NO_CONTENT = '_prisma_migrations';

const TABLES = `
  SELECT c.relname AS name,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                     ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    ARRAY(SELECT DISTINCT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
          WHERE k.conrelid = c.oid AND k.contype = 'f' AND f.oid <> c.oid) AS after
  FROM pg_class c
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> $1
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  ORDER BY c.relname`;

/**
 * The tables of the schema, each after those that it refers to, so that rows can be written in this order.
 * Tables of extensions are not ours and left out.
 */
export async function readTables(client: Pick<PoolClient, 'query'>): Promise<readonly Table[]> {
  const { rows } = await client.query<Table & { readonly after: readonly string[] }>(TABLES, [NO_CONTENT]);
  const waiting = new Map(rows.map((row) => [row.name, row]));
  const ordered: Table[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ after }) => !after.some((name) => waiting.has(name)));
    if (ready.length === 0) throw new Error(`tables refer to each other: ${[...waiting.keys()].join(', ')}`);
    for (const { name, columns } of ready) {
      ordered.push({ name, columns });
      waiting.delete(name);
    }
  }
  return ordered;
}

/** A name as SQL quotes it. */
export const quoted = (name: string): string => pg.escapeIdentifier(name);
