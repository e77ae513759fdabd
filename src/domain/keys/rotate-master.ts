import type { Pool } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import { AlreadyExists } from '../../kernel/errors.ts';
import type { MasterSealer } from '../../platform/crypto/seal.ts';
import { ADVISORY_LOCKS, transaction } from '../../platform/database/index.ts';
import { recordAuditOn } from '../audit/index.ts';

import { loadDataKeys, writeDataKeys } from './data-keys.ts';
import { MasterKeyRefused } from './master-key-refused.ts';
import { runOn } from './run.ts';

/**
 * Replaces the master key: seals the data keys under the new one, in one transaction, so that at every moment exactly
 * one of the two opens the store. Nothing else is rewritten. Running processes keep the data keys that they hold, and
 * need the new master key when they start again, or when further data keys are made.
 *
 * @throws AlreadyExists when the store is already sealed with the new key.
 * @throws MasterKeyRefused when neither opens it.
 */
export function rotateMasterKey(
  pool: Pool,
  { from, to }: { readonly from: MasterSealer; readonly to: MasterSealer },
  cause: Cause,
): Promise<{ readonly dataKeys: number }> {
  return transaction(pool, async (client) => {
    const run = runOn(client);
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.dataKeys]);
    const set = await loadDataKeys(run, from).catch(async (error: unknown) => {
      if (!(error instanceof MasterKeyRefused) || !(await opens(to))) throw error;
      throw new AlreadyExists('the store is sealed with the new master key already');
    });
    if (!set) throw new MasterKeyRefused('damaged');
    await writeDataKeys(run, to, set);
    const detail = { data_keys: set.keys.length };
    await recordAuditOn(client, { event: 'master_key.replaced', outcome: 'success', detail }, cause);
    return { dataKeys: set.keys.length };

    async function opens(master: MasterSealer): Promise<boolean> {
      return loadDataKeys(run, master).then(
        () => true,
        () => false,
      );
    }
  });
}
