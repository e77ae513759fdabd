import type { Pool, PoolClient } from 'pg';
import { InvalidInput } from '../../kernel/errors.ts';
import { hashSecret } from '../../kernel/ids.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';

import { canonicalizeResource } from './canonicalize.ts';
import { destructiveScopeSql } from './destructive.ts';
import type { Resource, ResourceTool } from './resource.ts';

/** A pool, or one connection of it inside a transaction. */
export type Queryable = Pool | PoolClient;

const COLUMNS = `
  r.id, r.tenant_id, r.identifier, r.name, r.default_scopes, r.secret_hash, r.admits_strangers,
  coalesce((SELECT json_agg(json_build_object('scope', s.scope, 'description', s.description,
                                              'destructive', ${destructiveScopeSql('s')}) ORDER BY s.position, s.scope)
              FROM resource_scopes s WHERE s.resource_id = r.id), '[]') AS scopes,
  coalesce((SELECT json_agg(json_build_object('name', t.name, 'title', t.title, 'scopes', t.scopes,
                                              'effect', t.effect) ORDER BY t.position, t.name)
              FROM resource_tools t WHERE t.resource_id = r.id), '[]') AS tools`;

const FIND = `SELECT ${COLUMNS} FROM resources r WHERE r.identifier = $1 AND r.removed_at IS NULL`;
const READ = `SELECT ${COLUMNS} FROM resources r WHERE r.id = $1 AND r.removed_at IS NULL`;
const FIND_ANY = `
  SELECT ${COLUMNS}, CASE WHEN r.previous_secret_expires_at > now() THEN r.previous_secret_hash END AS previous_secret_hash
  FROM resources r WHERE (r.identifier = $1 OR r.id = $2) AND r.removed_at IS NULL`;
const DEFAULT_TO_HARMLESS = `
  UPDATE resources r SET default_scopes = ARRAY(
    SELECT s.scope FROM resource_scopes s
    WHERE s.resource_id = r.id AND NOT ${destructiveScopeSql('s')} ORDER BY s.position, s.scope)
  WHERE r.id = $1`;

const LIST = `SELECT ${COLUMNS} FROM resources r WHERE r.removed_at IS NULL ORDER BY r.created_at, r.id`;

interface ResourceRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly identifier: string;
  readonly name: string;
  readonly default_scopes: string[];
  readonly secret_hash: Buffer | null;
  readonly admits_strangers: boolean;
  readonly scopes: Resource['scopes'];
  readonly tools: Resource['tools'];
}

function toResource(row: ResourceRow): Resource {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    identifier: row.identifier,
    name: row.name,
    defaultScopes: row.default_scopes,
    scopes: row.scopes,
    tools: row.tools,
    admitsStrangers: row.admits_strangers,
    hasSecret: row.secret_hash !== null,
  };
}

/**
 * The resource that a request names, in whatever spelling (RFC 8707 §2), or `undefined`: malformed,
 * unknown and removed look the same, and are `invalid_target`.
 */
export async function findResource(db: Queryable, identifier: string): Promise<Resource | undefined> {
  const canonical = canonicalizeResource(identifier);
  if (canonical === undefined) return undefined;
  const { rows } = await db.query<ResourceRow>({ name: 'resources-find', text: FIND, values: [canonical] });
  return rows[0] && toResource(rows[0]);
}

/** Every resource that is not removed, oldest first. */
export async function listResources(db: Queryable): Promise<readonly Resource[]> {
  const { rows } = await db.query<ResourceRow>({ name: 'resources-list', text: LIST });
  return rows.map(toResource);
}

/**
 * The resource that presents this secret, named by its id or its identifier; `undefined` for a wrong
 * secret, for a resource without one and for an unknown one alike.
 */
export async function authenticateResource(
  db: Queryable,
  name: string,
  secret: string,
): Promise<Resource | undefined> {
  const { rows } = await db.query<ResourceRow & { readonly previous_secret_hash: Buffer | null }>({
    name: 'resources-authenticate',
    text: FIND_ANY,
    values: [canonicalizeResource(name) ?? '', name],
  });
  const row = rows[0];
  // The hash of 256 random bits tells nothing by the time it takes to compare.
  const presented = hashSecret(secret);
  const living = [row?.secret_hash, row?.previous_secret_hash];
  return row && living.some((hash) => hash?.equals(presented)) ? toResource(row) : undefined;
}

/** A resource to be inserted. Without `defaultScopes` every scope that is not destructive becomes one. */
export interface ResourceToInsert extends Omit<Resource, 'defaultScopes' | 'hasSecret'> {
  readonly defaultScopes: readonly string[] | undefined;
  readonly secretHash: Buffer | undefined;
}

/**
 * Inserts a resource with its scopes and tools. Returns it as later readers see it, or `undefined` when a
 * living resource has that identifier.
 */
export async function insertResource(
  tx: Prisma.TransactionClient,
  resource: ResourceToInsert,
): Promise<Resource | undefined> {
  const { secretHash, defaultScopes } = resource;
  // A removed resource gives its identifier back: its row keeps the grants' history under another name.
  await tx.$executeRaw`
    UPDATE resources SET identifier = identifier || '#removed-' || id
    WHERE identifier = ${resource.identifier} AND removed_at IS NOT NULL`;
  const { count } = await tx.resource.createMany({
    data: {
      id: resource.id,
      tenantId: resource.tenantId,
      identifier: resource.identifier,
      name: resource.name,
      defaultScopes: [...(defaultScopes ?? [])],
      admitsStrangers: resource.admitsStrangers,
      ...(secretHash ? { secretHash: new Uint8Array(secretHash) } : {}),
    },
    skipDuplicates: true,
  });
  if (count === 0) return undefined;
  await tx.resourceScope.createMany({
    data: resource.scopes.map((scope, position) => ({ resourceId: resource.id, ...scope, position })),
  });
  await replaceTools(tx, resource.id, resource.tools);
  if (!defaultScopes) await tx.$executeRawUnsafe(DEFAULT_TO_HARMLESS, resource.id);
  return readResource(tx, resource.id);
}

/** Reads a living resource in a transaction, as later readers will see it. */
export async function readResource(tx: Prisma.TransactionClient, id: string): Promise<Resource | undefined> {
  const [row] = await tx.$queryRawUnsafe<ResourceRow[]>(READ, id);
  return row && toResource(row);
}

/** Locks a living resource until the transaction ends. Returns its id, or `undefined` when there is none. */
export async function lockResource(tx: Prisma.TransactionClient, name: string): Promise<string | undefined> {
  const [row] = await tx.$queryRaw<{ readonly id: string }[]>`
    SELECT id FROM resources
    WHERE removed_at IS NULL AND (id = ${name} OR identifier = ${canonicalizeResource(name) ?? name})
    FOR UPDATE`;
  return row?.id;
}

/** Replaces the tool catalogue of a resource. */
export async function replaceTools(
  tx: Prisma.TransactionClient,
  resourceId: string,
  tools: readonly ResourceTool[],
): Promise<void> {
  const repeated = tools.find(
    (tool, index) => tools.findIndex((other) => other.name === tool.name) !== index,
  );
  if (repeated) throw new InvalidInput(`The tool ${repeated.name} is given twice.`);
  await tx.resourceTool.deleteMany({ where: { resourceId } });
  await tx.resourceTool.createMany({
    data: tools.map((tool, position) => ({ resourceId, ...tool, scopes: [...tool.scopes], position })),
  });
}

/** Marks a living resource removed; answers it, or `undefined` when there is none of that id or identifier. */
export async function markResourceRemoved(
  tx: Prisma.TransactionClient,
  name: string,
): Promise<{ readonly id: string; readonly identifier: string; readonly tenantId: string } | undefined> {
  const [removed] = await tx.resource.updateManyAndReturn({
    where: { removedAt: null, OR: [{ id: name }, { identifier: canonicalizeResource(name) ?? name }] },
    data: { removedAt: new Date() },
    select: { id: true, identifier: true, tenantId: true },
  });
  return removed;
}
