import type { Config } from '../config/config.ts';
import type { Refusal, StoreFacts } from '../doctor/index.ts';
import { catalogueStatus, judgeDocument } from '../domain/admission/index.ts';
import { listAudit } from '../domain/audit/index.ts';
import { createKeys, findDataKeys, MasterKeyRefused } from '../domain/keys/index.ts';
import { listResources } from '../domain/resources/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';
import { createMasterSealer } from '../platform/crypto/seal.ts';
import { type Database, isEmbeddedPostgresRunning } from '../platform/database/index.ts';

import { reasonOf } from './failure.ts';

/** Why the store was not asked, in one sentence; `undefined` when it was. */
export type Without = string | undefined;

/** How far back a refusal of a moment ago is looked for. */
const RECENT = 10 * 60_000;

/**
 * Does the work with what the store beside the server knows, or without it, and why. The store is read
 * only: no server is started for it, and it is not migrated.
 *
 * @throws MasterKeyRefused when the configuration here has another master key than the store: nothing else that it
 * says of this server can be relied on.
 */
export async function withStoreFacts<T>(
  config: Config | undefined,
  issuer: string,
  work: (facts: StoreFacts | undefined, without: Without) => Promise<T>,
): Promise<T> {
  const without = whyNotHere(config, issuer);
  if (without !== undefined || config === undefined) return work(undefined, without);
  // Loaded late: a server elsewhere is looked at without it.
  const { withBareStore } = await import('./store.ts');
  let begun = false;
  try {
    return await withBareStore(config, 'join', async ({ database }) => {
      const facts = await gather(config, database);
      begun = true;
      return work(facts, undefined);
    });
  } catch (error) {
    if (begun || error instanceof MasterKeyRefused) throw error;
    const why = reasonOf(error).replace(/^The store is not available: |\.$/g, '');
    return work(undefined, `The store was not asked, because ${why}.`);
  }
}

function whyNotHere(config: Config | undefined, issuer: string): Without {
  if (!config) return 'The store was not asked, because there is no configuration of the server here.';
  if (config.issuer !== issuer)
    return `The store was not asked, because the one here is that of ${config.issuer}.`;
  if (config.databaseUrl === undefined && !isEmbeddedPostgresRunning(config.dataDir))
    return `The store was not asked, because no server runs on ${config.dataDir} here.`;
  return undefined;
}

async function gather(config: Config, database: Database): Promise<StoreFacts> {
  const { pool, prisma } = database;
  const master = createMasterSealer(config.masterKey);
  const dataKeys = await findDataKeys(pool, master);
  const keys =
    dataKeys &&
    createKeys({
      ...database,
      dataKeys,
      clock: systemClock,
      algorithm: config.signingAlgorithm,
      tokenLifetime: config.lifetimes.accessToken,
      ...config.keys,
    });
  const [resources, catalogue, published] = await Promise.all([
    listResources(pool),
    catalogueStatus(prisma, { tenantId: DEFAULT_TENANT }),
    keys?.jwks(),
  ]);
  const keyFault = await keys?.current().then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  );
  return {
    metadataDocuments: config.metadataDocuments,
    dynamicRegistration: config.dynamicRegistration,
    accessTokenLifetime: config.lifetimes.accessToken,
    defaultResource: config.defaultResource,
    resources: resources.map(({ identifier, scopes, defaultScopes }) => ({
      identifier,
      scopes: scopes.map(({ scope }) => scope),
      defaultScopes,
    })),
    keyIds: published?.keys.map(({ kid }) => kid) ?? [],
    ...(keyFault === undefined ? {} : { keyFault }),
    registered: new Map(
      catalogue.flatMap(({ entry, clientId }) => (clientId === undefined ? [] : [[entry.name, clientId]])),
    ),

    async clock() {
      const { rows } = await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      return rows[0]?.now ?? new Date(Number.NaN);
    },

    async refusal(requestId) {
      const since = new Date(Date.now() - RECENT);
      const [record] = await listAudit(prisma, { requestId, since, limit: 1 });
      if (record?.reason === undefined) return undefined;
      const why = whyOf(record.detail);
      const refusal: Refusal = {
        reason: record.reason,
        ...(why === undefined ? {} : { why }),
        ...(record.network === undefined ? {} : { network: record.network }),
      };
      return refusal;
    },

    admits: (url) =>
      judgeDocument(pool, { url, tenantId: DEFAULT_TENANT, documents: config.metadataDocuments }),
  };
}

function whyOf(detail: unknown): string | undefined {
  if (typeof detail !== 'object' || detail === null || !('why' in detail)) return undefined;
  return typeof detail.why === 'string' ? detail.why : undefined;
}
