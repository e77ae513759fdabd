import type { Prisma } from '../../../platform/database/generated/client.ts';

/** How many clients may be kept that registered themselves and that nobody has ever allowed anything. */
export interface RegistrationQuota {
  readonly perNetwork: number;
  readonly inAll: number;
}

/** Why there is no room for another one. */
export type QuotaRefusal = 'registration_quota_network' | 'registration_quota';

/** The advisory lock of whoever counts and then adds. */
const LOCK = 4_610_101;

/**
 * Whether there is room for one more client of `network`. Whoever asks is alone with the question until the
 * end of the transaction, so that many at once do not exceed what one after the other could have.
 */
export async function refusedByQuota(
  tx: Prisma.TransactionClient,
  network: string,
  { perNetwork, inAll }: RegistrationQuota,
): Promise<QuotaRefusal | undefined> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK}::bigint)`;
  const [counted] = await tx.$queryRaw<{ network: number; total: number }[]>`
    SELECT count(*)::int AS total, count(*) FILTER (WHERE registered_from = ${network})::int AS network
    FROM clients WHERE registration = 'dynamic' AND used_at IS NULL`;
  if (!counted) throw new Error('the clients could not be counted');
  if (counted.network >= perNetwork) return 'registration_quota_network';
  return counted.total >= inAll ? 'registration_quota' : undefined;
}
