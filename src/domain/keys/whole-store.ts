import type { PoolClient } from 'pg';

type Client = Pick<PoolClient, 'query'>;

/**
 * Drops every signing key: in a store that was put back to an earlier state one may sign again that has been
 * compromised since. `ensure` makes the next one. Answers their kids.
 */
export async function revokeEveryKey(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ kid: string }>(
    `UPDATE signing_keys SET state = 'revoked', private_sealed = NULL, mac = NULL, revoked_at = clock_timestamp()
     WHERE state <> 'revoked' RETURNING kid`,
  );
  return rows.map(({ kid }) => kid);
}
