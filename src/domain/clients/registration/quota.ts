import {
  networkKey,
  networkKeyStart,
  prefixPoints,
  prefixShare,
  widestPrefix,
} from '../../../kernel/network.ts';
import type { Prisma } from '../../../platform/database/generated/client.ts';
import { ADVISORY_LOCKS } from '../../../platform/database/index.ts';

/** Limits of clients that registered themselves and were never allowed anything. */
export interface RegistrationQuota {
  readonly perNetwork: number;
  readonly inAll: number;
}

/** Why there is no room for another one. */
export type QuotaRefusal = 'registration_quota_network' | 'registration_quota';

/**
 * Returns why there is no room for one more client from `address`, if there is none: its network, its widest
 * prefix or all networks together have as many as they may. Holds an advisory lock until the transaction ends,
 * so that concurrent registrations cannot exceed the quota.
 */
export async function refusedByQuota(
  tx: Prisma.TransactionClient,
  address: string,
  { perNetwork, inAll }: RegistrationQuota,
): Promise<QuotaRefusal | undefined> {
  const share = prefixShare(inAll);
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.registrationQuota}::bigint)`;
  const [counted] = await tx.$queryRaw<{ network: number; prefix: number; total: number }[]>`
    SELECT count(*)::int AS total, count(*) FILTER (WHERE registered_from = ${networkKey(address)})::int AS network,
           count(*) FILTER (WHERE starts_with(registered_from, ${networkKeyStart(address)}))::int AS prefix
    FROM clients WHERE registration = 'dynamic' AND used_at IS NULL`;
  if (!counted) throw new Error('the clients could not be counted');
  const ofPrefix = prefixPoints(widestPrefix(address), perNetwork, share);
  if (counted.network >= Math.min(perNetwork, share) || counted.prefix >= ofPrefix) {
    return 'registration_quota_network';
  }
  return counted.total >= inAll ? 'registration_quota' : undefined;
}
