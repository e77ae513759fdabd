import pg from 'pg';

/** What the store holds when all is over. Hashes in hex. */
export interface Store {
  readonly grants: readonly StoredGrant[];
  readonly codes: readonly StoredCode[];
  readonly tokens: readonly StoredToken[];
  /** The `jti` of each access token that was revoked by itself. */
  readonly revokedTokens: readonly string[];
  readonly records: readonly StoredRecord[];
}

export interface StoredGrant {
  readonly id: string;
  readonly user: string;
  readonly client: string;
  readonly activated: boolean;
  /** Why it ended; null while nobody ended it. */
  readonly end: string | null;
}

export interface StoredCode {
  readonly code: string;
  readonly grant: string;
  readonly used: boolean;
}

export interface StoredToken {
  readonly token: string;
  readonly grant: string;
  readonly generation: number;
  readonly used: boolean;
}

export interface StoredRecord {
  readonly id: string;
  readonly event: string;
  readonly request: string;
  readonly grant: string | null;
  readonly subject: string | null;
}

/** Reads the whole store, past every proxy. */
export async function readStore(url: string): Promise<Store> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  const read = async <T>(text: string) => (await session.query(text)).rows as T[];
  try {
    return {
      grants: await read(
        `SELECT id, user_id AS user, client_id AS client, activated_at IS NOT NULL AS activated,
                CASE WHEN revoked_at IS NOT NULL THEN coalesce(revoked_reason, 'unknown') END AS end FROM grants`,
      ),
      codes: await read(
        `SELECT encode(code_hash, 'hex') AS code, grant_id AS grant, used_at IS NOT NULL AS used FROM authorization_codes`,
      ),
      tokens: await read(
        `SELECT encode(token_hash, 'hex') AS token, grant_id AS grant, generation, used_at IS NOT NULL AS used
         FROM refresh_tokens ORDER BY grant_id, generation`,
      ),
      revokedTokens: (await read<{ jti: string }>('SELECT jti FROM revoked_access_tokens')).map(
        ({ jti }) => jti,
      ),
      records: await read('SELECT id, event, request_id AS request, "grant", subject FROM audit_records'),
    };
  } finally {
    await session.end();
  }
}
