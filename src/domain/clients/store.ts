import type { Pool, PoolClient } from 'pg';
import { hashSecret } from '../../kernel/ids.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';

import { AUTH_METHODS, type Client, type Registration, TRUST_LEVELS, type Trust } from './client.ts';

/** A pool, or one connection of it inside a transaction. */
export type Queryable = Pool | PoolClient;

/** A client with what proves it. The hash never leaves the process. */
export interface ClientCredentials {
  readonly client: Client;
  /** SHA-256 of the secret. */
  readonly secretHash: Buffer | undefined;
}

const COLUMNS =
  'id, tenant_id, registration, name, auth_method, secret_hash, redirect_uris, grant_types, trust, metadata, created_at, removed_at';

const FIND = `SELECT ${COLUMNS} FROM clients WHERE id = $1 AND removed_at IS NULL`;
const LIST = `SELECT ${COLUMNS} FROM clients WHERE removed_at IS NULL ORDER BY created_at, id`;

interface ClientRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly registration: string;
  readonly name: string;
  readonly auth_method: string;
  readonly secret_hash: Buffer | null;
  readonly redirect_uris: string[];
  readonly grant_types: string[];
  readonly trust: string;
  readonly metadata: Record<string, unknown>;
  readonly created_at: Date;
  readonly removed_at: Date | null;
}

const REGISTRATIONS: readonly Registration[] = ['preregistered', 'dynamic', 'document'];

/** The word of a closed list that a column holds; another one means that the row is not ours. */
function wordOf<T extends string>(words: readonly T[], value: string, column: string): T {
  const word = words.find((candidate) => candidate === value);
  if (word === undefined)
    throw new Error(`clients.${column} holds the unknown value ${JSON.stringify(value)}`);
  return word;
}

function toClient(row: ClientRow): Client {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    registration: wordOf(REGISTRATIONS, row.registration, 'registration'),
    name: row.name,
    authMethod: wordOf(AUTH_METHODS, row.auth_method, 'auth_method'),
    redirectUris: row.redirect_uris,
    grantTypes: row.grant_types,
    trust: wordOf(TRUST_LEVELS, row.trust, 'trust'),
    metadata: row.metadata,
    createdAt: row.created_at,
    removedAt: row.removed_at ?? undefined,
  };
}

/** The client of this client_id with what proves it; `undefined` when unknown or removed. */
export async function findClientCredentials(
  db: Queryable,
  id: string,
): Promise<ClientCredentials | undefined> {
  const { rows } = await db.query<ClientRow>({ name: 'clients-find', text: FIND, values: [id] });
  return rows[0] && { client: toClient(rows[0]), secretHash: rows[0].secret_hash ?? undefined };
}

const FIND_MANAGED = `
  SELECT ${COLUMNS} FROM clients
  WHERE id = $1 AND registration_token_hash = $2 AND registration = 'dynamic' AND removed_at IS NULL
    AND trust <> 'blocked'`;

/**
 * The client of this id that this registration access token manages, with what proves it (RFC 7592 §2). One
 * answer for a client that is unknown, removed, blocked or somebody else's, and one for its time.
 */
export async function findManagedClient(
  db: Queryable,
  id: string,
  registrationAccessToken: string,
): Promise<ClientCredentials | undefined> {
  const values = [id, hashSecret(registrationAccessToken)];
  const { rows } = await db.query<ClientRow>({ name: 'clients-find-managed', text: FIND_MANAGED, values });
  return rows[0] && { client: toClient(rows[0]), secretHash: rows[0].secret_hash ?? undefined };
}

/** The client of this client_id; `undefined` when unknown or removed. */
export async function findClient(db: Queryable, id: string): Promise<Client | undefined> {
  return (await findClientCredentials(db, id))?.client;
}

/** Every client that is not removed, oldest first. */
export async function listClients(db: Queryable): Promise<readonly Client[]> {
  const { rows } = await db.query<ClientRow>({ name: 'clients-list', text: LIST });
  return rows.map(toClient);
}

export type ClientRecord = Omit<Client, 'createdAt' | 'removedAt'> & {
  readonly secretHash: Buffer | undefined;
  /** Of a pre-registered one: the entry of the catalogue that it was made of. */
  readonly catalogue?: string | undefined;
  /** Of a dynamic registration: what manages it, how it came, and from where. */
  readonly registrationTokenHash?: Buffer | undefined;
  readonly registeredTrust?: Trust | undefined;
  readonly registeredFrom?: string | undefined;
};

function toColumns({
  metadata,
  redirectUris,
  grantTypes,
  secretHash,
  registrationTokenHash,
  registeredTrust,
  registeredFrom,
  catalogue,
  ...rest
}: ClientRecord) {
  return {
    ...rest,
    catalogue: catalogue ?? null,
    redirectUris: [...redirectUris],
    grantTypes: [...grantTypes],
    metadata: metadata as Prisma.InputJsonObject,
    secretHash: secretHash ? new Uint8Array(secretHash) : null,
    registrationTokenHash: registrationTokenHash ? new Uint8Array(registrationTokenHash) : null,
    registeredTrust: registeredTrust ?? null,
    registeredFrom: registeredFrom ?? null,
  };
}

/** Writes a new client, and answers it as it stands there. */
export async function insertClient(tx: Prisma.TransactionClient, record: ClientRecord): Promise<Client> {
  const { createdAt } = await tx.client.create({ data: toColumns(record), select: { createdAt: true } });
  const { id, tenantId, registration, name, authMethod, redirectUris, grantTypes, trust, metadata } = record;
  const said = { id, tenantId, registration, name, authMethod, redirectUris, grantTypes, trust, metadata };
  return { ...said, createdAt, removedAt: undefined };
}

/**
 * Writes a client that registered itself, or what it now says about itself. Trust, tenant and the way
 * it came are decided once: a document cannot change them. Answers whether it was new; a pre-registered
 * client of that id is left untouched.
 */
export async function upsertClient(
  tx: Prisma.TransactionClient,
  record: ClientRecord,
): Promise<'created' | 'updated' | 'kept'> {
  const columns = toColumns(record);
  const { count } = await tx.client.createMany({ data: columns, skipDuplicates: true });
  if (count === 1) return 'created';
  const {
    id: _id,
    tenantId: _tenant,
    trust: _trust,
    registeredTrust: _level,
    registration,
    ...stated
  } = columns;
  const updated = await tx.client.updateMany({
    where: { id: record.id, registration, removedAt: null },
    data: stated,
  });
  return updated.count === 1 ? 'updated' : 'kept';
}

export async function markClientRemoved(
  tx: Prisma.TransactionClient,
  id: string,
): Promise<{ readonly id: string; readonly name: string; readonly tenantId: string } | undefined> {
  const [removed] = await tx.client.updateManyAndReturn({
    where: { id, removedAt: null },
    data: { removedAt: new Date() },
    select: { id: true, name: true, tenantId: true },
  });
  return removed;
}
