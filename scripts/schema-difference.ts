import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg, { type Pool, type QueryArrayConfig } from 'pg';

const SCHEMA_DIRECTORY = join(import.meta.dirname, '..', 'prisma', 'schema');

/**
 * The SQL that would bring a database to prisma/schema; empty when the two agree.
 *
 * What Prisma's schema cannot say (partial and expression indexes, check constraints, triggers) is not compared.
 */
export async function schemaDifference(pool: Pool): Promise<string> {
  const files = readSchema();
  const difference = await withEngine(pool, (engine) =>
    engine.diff({
      from: { tag: 'schemaDatasource', configDir: SCHEMA_DIRECTORY, files },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    }),
  );
  const sql = difference.stdout?.trim() ?? '';
  return /^-- This is an empty migration\.?$/.test(sql) ? '' : sql;
}

/** Runs `work` with Prisma's own engine on a database. */
export async function withEngine<T>(pool: Pool, work: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  const datamodels = readSchema().map(({ path, content }): [string, string] => [path, content]);
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(withReadableCatalogue(pool)));
  const engine = await SchemaEngine.new({ datamodels }, () => undefined, adapter);
  try {
    return await work(engine);
  } finally {
    engine.free();
  }
}

function readSchema(): { path: string; content: string }[] {
  return readdirSync(SCHEMA_DIRECTORY)
    .filter((name) => name.endsWith('.prisma'))
    .sort()
    .map((name) => {
      const path = join(SCHEMA_DIRECTORY, name);
      return { path, content: readFileSync(path, 'utf8') };
    });
}

/**
 * Prisma's adapter has no name for PostgreSQL's internal one-byte type `"char"`, which the catalogue is full of
 * and which the engine reads as text: so text it is. One question it asks otherwise, the one for check and
 * exclusion constraints, which Prisma's schema cannot say anyway: its answer is that there are none.
 */
function withReadableCatalogue(pool: Pool): Pool {
  const query = async (statement: QueryArrayConfig) => {
    const result = await pool.query(statement);
    for (const field of result.fields) {
      if (field.dataTypeID === pg.types.builtins.CHAR) field.dataTypeID = pg.types.builtins.TEXT;
      if (field.name === 'constraint_type') result.rows = [];
    }
    return result;
  };
  return new Proxy(pool, {
    get: (target, key) => (key === 'query' ? query : Reflect.get(target, key)),
  });
}
