import type { PoolClient } from 'pg';

import type { Sealer } from '../../platform/crypto/seal.ts';

import { sealContext } from './rotation.ts';
import { secretContext } from './secrets.ts';

type Client = Pick<PoolClient, 'query'>;

/**
 * Opens what this installation has sealed for itself, to see that the master key is the right one.
 *
 * @throws SealBroken when it is not.
 */
export async function proveMasterKey(client: Client, sealer: Sealer): Promise<void> {
  const secrets = await client.query<{ purpose: string; version: number; sealed: Buffer }>(
    'SELECT purpose, version, sealed FROM server_secrets',
  );
  for (const { purpose, version, sealed } of secrets.rows)
    sealer.open(secretContext(purpose, version), sealed);
  const keys = await client.query<{ kid: string; sealed: Buffer }>(
    'SELECT kid, private_sealed AS sealed FROM signing_keys WHERE private_sealed IS NOT NULL',
  );
  for (const { kid, sealed } of keys.rows) sealer.open(sealContext(kid), sealed);
}

/**
 * Drops every signing key: in a store that was put back to an earlier state one may sign again that has been
 * compromised since. `ensure` makes the next one. Answers their kids.
 */
export async function revokeEveryKey(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ kid: string }>(
    `UPDATE signing_keys SET state = 'revoked', private_sealed = NULL, revoked_at = clock_timestamp()
     WHERE state <> 'revoked' RETURNING kid`,
  );
  return rows.map(({ kid }) => kid);
}
