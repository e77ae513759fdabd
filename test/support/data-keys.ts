import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';

import { authenticateKey, type DataKeys, openDataKeys, runOn } from '../../src/domain/keys/index.ts';
import { createMasterSealer, type MasterSealer } from '../../src/platform/crypto/seal.ts';

const cause = { requestId: 'req_test', actor: { type: 'housekeeping', id: 'test' } } as const;

/** Opens the data keys of a store under the master key of a server's environment. */
export function dataKeysFor(
  pool: Pool,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DataKeys> {
  return openDataKeys(pool, masterSealerFor(environment), cause);
}

/** Opens the data keys of a store that no server has opened, under a new master key. */
export function newDataKeys(pool: Pool): Promise<DataKeys> {
  return openDataKeys(pool, createMasterSealer(randomBytes(32)), cause);
}

export function masterSealerFor(environment: Readonly<Record<string, string | undefined>>): MasterSealer {
  return createMasterSealer(Buffer.from(environment['GATEHOUSE_MASTER_KEY'] ?? '', 'base64url'));
}

/** Changes signing keys and gives the changed rows valid MACs, as if the program had written them so. */
export async function changeSigningKeys(
  pool: Pool,
  dataKeys: DataKeys,
  update: string,
  values: readonly unknown[] = [],
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(update, [...values]);
    const { rows } = await client.query<{ kid: string }>(
      `SELECT kid FROM signing_keys WHERE mac IS NOT NULL ORDER BY kid FOR UPDATE`,
    );
    for (const { kid } of rows) await authenticateKey(runOn(client), dataKeys, kid);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}
