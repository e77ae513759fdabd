import type { MasterSealer } from '../../platform/crypto/seal.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';
import { ADVISORY_LOCKS } from '../../platform/database/index.ts';

import {
  createDataKeys,
  type DataKeyPurpose,
  type DataKeys,
  loadDataKeys,
  withNewKeys,
  writeDataKeys,
} from './data-keys.ts';
import { MasterKeyRefused } from './master-key-refused.ts';
import { runIn } from './run.ts';

/**
 * Makes a new data key for each purpose of `made`, and deletes the older ones of each purpose of `dropped`: what was
 * sealed or authenticated under those is worthless from then on. Returns the data keys for the rest of the
 * transaction.
 */
export async function replaceDataKeys(
  tx: Prisma.TransactionClient,
  master: MasterSealer,
  {
    made,
    dropped,
  }: { readonly made: readonly DataKeyPurpose[]; readonly dropped: readonly DataKeyPurpose[] },
): Promise<DataKeys> {
  const run = runIn(tx);
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.dataKeys})`;
  const found = await loadDataKeys(run, master);
  if (!found) throw new MasterKeyRefused('damaged');
  const isDropped = (purpose: string) => dropped.some((other) => other === purpose);
  const more = withNewKeys(found, made);
  const isOld = ({ id }: { id: number }) => found.keys.some((key) => key.id === id);
  const set = { ...more, keys: more.keys.filter((key) => !(isOld(key) && isDropped(key.purpose))) };
  await writeDataKeys(run, master, set);
  return createDataKeys(set, { master, load: async () => set });
}
