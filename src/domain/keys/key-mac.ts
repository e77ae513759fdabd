import type { DataKeys } from './data-keys.ts';
import type { Run } from './run.ts';

/** Every column of a signing key but the MAC itself, as one text that depends on no setting of the session. */
export const SIGNING_KEY_TEXT = `jsonb_build_array(
  kid, algorithm, public_jwk, encode(private_sealed, 'hex'), state, token_lifetime,
  extract(epoch FROM created_at), extract(epoch FROM promote_at), extract(epoch FROM promoted_at),
  extract(epoch FROM retired_at), extract(epoch FROM published_until), extract(epoch FROM revoked_at))::text`;

/** Whether verifiers may still need the key. */
export const PUBLISHED = `(state IN ('next', 'current') OR state = 'retired' AND published_until > now())`;

/** The row of a signing key as its MAC sees it. */
export interface AuthenticatedRow {
  readonly text: string;
  readonly mac: Uint8Array | null;
}

/** Checks that the row was written by a process that has the data key, and is unchanged since. */
export function isAuthentic(dataKeys: DataKeys, { text, mac }: AuthenticatedRow): Promise<boolean> {
  return dataKeys.hasMac('signing-key-mac', text, mac);
}

/** Writes the MAC of a row that this transaction has made or changed, after checking what was there before. */
export async function authenticateKey(run: Run, dataKeys: DataKeys, kid: string): Promise<void> {
  const [row] = await run<{ text: string }>(
    `SELECT ${SIGNING_KEY_TEXT} AS text FROM signing_keys WHERE kid = $1`,
    [kid],
  );
  if (!row) throw new Error(`the signing key ${kid} was removed while it was written`);
  const mac = new Uint8Array(dataKeys.mac('signing-key-mac', row.text));
  await run('UPDATE signing_keys SET mac = $2::bytea WHERE kid = $1', [kid, mac]);
}

/**
 * Revokes every published key whose row does not verify: it was written past this program. Returns their kids. It
 * runs before any step that changes keys, so that no step gives a MAC to a row that had none.
 */
export async function revokeForgedKeys(run: Run, dataKeys: DataKeys): Promise<readonly string[]> {
  const rows = await run<AuthenticatedRow & { kid: string }>(
    `SELECT kid, mac, ${SIGNING_KEY_TEXT} AS text FROM signing_keys
     WHERE ${PUBLISHED} ORDER BY kid FOR UPDATE`,
    [],
  );
  const forged: string[] = [];
  for (const row of rows) if (!(await isAuthentic(dataKeys, row))) forged.push(row.kid);
  if (forged.length > 0) {
    await run(
      `UPDATE signing_keys SET state = 'revoked', private_sealed = NULL, mac = NULL, revoked_at = clock_timestamp()
       WHERE kid = ANY($1::text[])`,
      [forged],
    );
  }
  return forged;
}
