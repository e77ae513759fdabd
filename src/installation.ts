import type { Config } from './config/config.ts';
import { createAnonymousRecorder } from './domain/audit/index.ts';
import { createAttempts, createPasskeys, createPasswords, createTotps } from './domain/credentials/index.ts';
import { endAccess } from './domain/grants/index.ts';
import { createKeys, createServerSecrets, openDataKeys, proveMasterKey } from './domain/keys/index.ts';
import { createFactors, createSessions, createSignIn } from './domain/sessions/index.ts';
import { seedDefaultTenant } from './domain/tenants/index.ts';
import { createEnrolment, createSetup, createUsers } from './domain/users/index.ts';
import { checkIssuer } from './issuer-guard.ts';
import { byHousekeeping, type Cause } from './kernel/cause.ts';
import type { Clock } from './kernel/clock.ts';
import { DEFAULT_TENANT } from './kernel/ids.ts';
import { createMasterSealer } from './platform/crypto/seal.ts';
import { type Database, type MigrateOptions, migrate } from './platform/database/index.ts';

/** Asked without Prisma, whose first query is half of what a start would otherwise take. */
const SEEDED = 'SELECT EXISTS (SELECT 1 FROM tenants WHERE id = $1) AS seeded';

/**
 * Brings the store to the schema of this version, after the master key was proven to be the one of this store.
 *
 * @throws MasterKeyRefused, before anything was written.
 * @throws MigrationRefused
 * @throws IssuerChanged when the store belongs to another issuer.
 */
export async function prepareStore(
  config: Pick<Config, 'masterKey' | 'issuer' | 'issuerChangedFrom'>,
  { pool }: Pick<Database, 'pool'>,
  options: MigrateOptions,
): Promise<void> {
  await proveMasterKey(pool, createMasterSealer(config.masterKey));
  await migrate(pool, options);
  await checkIssuer(pool, config);
}

/** Every domain object of one installation, wired. The server and the command line are made from the same. */
export type Installation = Awaited<ReturnType<typeof createInstallation>>;

/**
 * Opens the data keys of a store that `prepareStore` has prepared.
 *
 * @throws MasterKeyRefused
 */
export async function createInstallation({
  config,
  database,
  clock,
  onForgedKey,
}: {
  readonly config: Config;
  readonly database: Database;
  readonly clock: Clock;
  /** Called with the key id of a signing key that this program did not write. */
  readonly onForgedKey?: (kid: string) => void;
}) {
  const { prisma, pool } = database;
  const { issuer, lifetimes } = config;
  const anonymous = createAnonymousRecorder({ pool, enabled: config.throttle.enabled });
  const dataKeys = await openDataKeys(pool, createMasterSealer(config.masterKey), byHousekeeping('start'));
  const secrets = createServerSecrets({ pool, sealer: dataKeys, clock });
  const keys = createKeys({
    prisma,
    pool,
    dataKeys,
    algorithm: config.signingAlgorithm,
    clock,
    tokenLifetime: lifetimes.accessToken,
    ...config.keys,
    ...(onForgedKey ? { onForged: onForgedKey } : {}),
  });
  const { key: proposals } = await secrets('totp-proposals').current();

  const attempts = createAttempts({ prisma, lifetime: lifetimes.interaction });
  const passwords = createPasswords({ prisma, concurrency: config.maxPasswordHashes });
  const totps = createTotps({ prisma, sealer: dataKeys, clock, issuer, proposals });
  const passkeys = createPasskeys({ prisma, attempts, issuer });
  const sessions = createSessions({ prisma, lifetimes });
  const users = createUsers({
    prisma,
    issuer,
    lifetimes,
    attempts,
    passwords,
    totps,
    endSessionsOf: sessions.endAllOf,
    async endConnectionsOf(tx, userId, reason, cause) {
      return (await endAccess(tx, { userId }, reason, cause)).grants;
    },
  });
  const enrolment = createEnrolment({
    prisma,
    anonymous,
    attempts,
    passwords,
    totps,
    passkeys,
    endSessionsOf: sessions.endAllOf,
  });
  const signIn = createSignIn({
    prisma,
    anonymous,
    users,
    attempts,
    passwords,
    totps,
    passkeys,
    sessions,
    limitCodes: config.throttle.enabled,
  });
  const factors = createFactors({ prisma, attempts, passwords, totps, passkeys, sessions });
  const setup = createSetup({
    prisma,
    anonymous,
    issuer,
    tenantId: DEFAULT_TENANT,
    lifetime: lifetimes.setupLink,
    attempts,
    passwords,
    totps,
    passkeys,
  });

  return {
    /** The tenant that every installation begins with. */
    defaultTenant: DEFAULT_TENANT,
    anonymous,
    sealer: dataKeys,
    secrets,
    keys,
    attempts,
    passwords,
    totps,
    passkeys,
    sessions,
    users,
    signIn,
    factors,
    enrolment,
    setup,

    /** What every installation begins with: the default tenant and a signing key. Any number of processes may call it. */
    async prepare(cause: Cause): Promise<void> {
      const { rows } = await pool.query<{ seeded: boolean }>(SEEDED, [DEFAULT_TENANT]);
      if (!rows[0]?.seeded) await seedDefaultTenant(pool, DEFAULT_TENANT);
      if (!(await keys.canSign())) await keys.ensure(cause);
    },
  };
}
