import type { Config } from './config/config.ts';
import { createAnonymousRecorder } from './domain/audit/index.ts';
import { createAttempts, createPasskeys, createPasswords, createTotps } from './domain/credentials/index.ts';
import { forgetConsentsOf, revokeGrantsOf } from './domain/grants/index.ts';
import { createKeys, createServerSecrets } from './domain/keys/index.ts';
import { createFactors, createSessions, createSignIn } from './domain/sessions/index.ts';
import { seedDefaultTenant } from './domain/tenants/index.ts';
import { createEnrolment, createSetup, createUsers } from './domain/users/index.ts';
import type { Clock } from './kernel/clock.ts';
import { DEFAULT_TENANT } from './kernel/ids.ts';
import type { Origin } from './kernel/origin.ts';
import { createSealer } from './platform/crypto/seal.ts';
import type { Database } from './platform/database/index.ts';

/** Asked without Prisma, whose first query is half of what a start would otherwise take. */
const PREPARED = `
  SELECT EXISTS (SELECT 1 FROM tenants WHERE id = $1)
     AND EXISTS (SELECT 1 FROM signing_keys WHERE state = 'current') AS prepared`;

/** Every domain object of one installation, wired. The server and the command line are made from the same. */
export type Installation = ReturnType<typeof createInstallation>;

export function createInstallation({
  config,
  database,
  clock,
}: {
  readonly config: Config;
  readonly database: Database;
  readonly clock: Clock;
}) {
  const { prisma, pool } = database;
  const { issuer, lifetimes } = config;
  const anonymous = createAnonymousRecorder({ pool, enabled: config.throttle.enabled });
  const sealer = createSealer(config.masterKey);
  const secrets = createServerSecrets({ pool, sealer, clock });
  const keys = createKeys({
    prisma,
    pool,
    sealer,
    algorithm: config.signingAlgorithm,
    clock,
    tokenLifetime: lifetimes.accessToken,
    ...config.keys,
  });

  const attempts = createAttempts({ prisma, lifetime: lifetimes.interaction });
  const passwords = createPasswords({ prisma, concurrency: config.maxPasswordHashes });
  const totps = createTotps({ prisma, sealer, clock, issuer });
  const passkeys = createPasskeys({ prisma, attempts, issuer, clock });
  const sessions = createSessions({ prisma, lifetimes });
  const users = createUsers({
    prisma,
    issuer,
    lifetimes,
    attempts,
    passwords,
    totps,
    endSessionsOf: sessions.endAllOf,
    async endConnectionsOf(tx, userId, reason, origin) {
      await forgetConsentsOf(tx, userId);
      return revokeGrantsOf(tx, { userId }, reason, origin);
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
    lifetime: lifetimes.setupLink,
    attempts,
    passwords,
    totps,
    passkeys,
  });

  return {
    anonymous,
    sealer,
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
    async prepare(origin: Origin): Promise<void> {
      if ((await pool.query<{ prepared: boolean }>(PREPARED, [DEFAULT_TENANT])).rows[0]?.prepared) return;
      await seedDefaultTenant(pool);
      await keys.ensure(origin);
    },
  };
}
