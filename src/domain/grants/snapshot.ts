import type { Pool } from 'pg';

/** What a client said about itself when somebody allowed it something. */
export interface ConsentedSnapshot {
  readonly name: string;
  readonly authMethod: string;
  readonly redirectUris: readonly string[];
  /** The rest of it: keys, and what is only shown. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Theirs, or where they never allowed it anything what others allowed last. */
const CONSENTED = `
  SELECT COALESCE(s.name, c.name) AS name, COALESCE(s.auth_method, c.auth_method) AS auth_method,
    COALESCE(s.redirect_uris, c.redirect_uris) AS redirect_uris, COALESCE(s.metadata, c.metadata) AS metadata
  FROM clients c
  LEFT JOIN LATERAL (
    SELECT cs.* FROM grants g
    JOIN client_snapshots cs ON cs.client_id = g.client_id AND cs.version = g.client_version
    WHERE g.user_id = $1 AND g.client_id = c.id
    ORDER BY g.created_at DESC LIMIT 1
  ) s ON true
  WHERE c.id = $2 AND c.registration <> 'preregistered'`;

/**
 * What a client that speaks for itself, by its metadata document or its registration, was when this person last
 * allowed it something, or when anybody did; `undefined` when nobody ever did.
 */
export async function consentedSnapshot(
  pool: Pool,
  { userId, clientId }: { readonly userId: string; readonly clientId: string },
): Promise<ConsentedSnapshot | undefined> {
  const { rows } = await pool.query<{
    name: string;
    auth_method: string;
    redirect_uris: string[];
    metadata: Record<string, unknown>;
  }>({ name: 'consented-snapshot', text: CONSENTED, values: [userId, clientId] });
  const [row] = rows;
  return (
    row && {
      name: row.name,
      authMethod: row.auth_method,
      redirectUris: row.redirect_uris,
      metadata: row.metadata,
    }
  );
}
