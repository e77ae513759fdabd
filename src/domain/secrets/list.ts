import type { Pool } from 'pg';

import { type SecretHolder, TABLES, unknownHolder } from './holder.ts';

/** A secret that is accepted at this moment. Its value is nowhere. */
export interface LivingSecret {
  readonly createdAt: Date;
  /** When it stops being accepted; `undefined` for the one that lives until it is replaced. */
  readonly expiresAt: Date | undefined;
}

interface Row {
  readonly has_secret: boolean;
  readonly secret_created_at: Date;
  readonly previous_secret_created_at: Date | null;
  readonly previous_secret_expires_at: Date | null;
  readonly previous_lives: boolean;
}

/**
 * The living secrets of a client or a resource, the newest first; none for a public client.
 *
 * @throws NotFound when nothing of that id is registered.
 */
export async function listSecrets(pool: Pool, holder: SecretHolder): Promise<readonly LivingSecret[]> {
  const { rows } = await pool.query<Row>(
    `SELECT secret_hash IS NOT NULL AS has_secret, COALESCE(secret_created_at, created_at) AS secret_created_at,
            previous_secret_created_at, previous_secret_expires_at,
            previous_secret_hash IS NOT NULL AND previous_secret_expires_at > now() AS previous_lives
     FROM ${TABLES[holder.kind]} WHERE id = $1 AND removed_at IS NULL`,
    [holder.id],
  );
  const row = rows[0];
  if (!row) throw unknownHolder(holder);
  const current = row.has_secret ? [{ createdAt: row.secret_created_at, expiresAt: undefined }] : [];
  const { previous_secret_created_at: createdAt, previous_secret_expires_at: expiresAt } = row;
  const previous = row.previous_lives && createdAt && expiresAt ? [{ createdAt, expiresAt }] : [];
  return [...current, ...previous];
}
