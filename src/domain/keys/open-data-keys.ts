import { createPublicKey } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import { keyIdOf, SealBroken } from '../../platform/crypto/box.ts';
import type { MasterSealer } from '../../platform/crypto/seal.ts';
import { ADVISORY_LOCKS, transaction } from '../../platform/database/index.ts';
import { recordAuditOn } from '../audit/index.ts';

import {
  createDataKeys,
  DATA_KEY_PURPOSES,
  type DataKeySet,
  type DataKeys,
  dataKeysOf,
  loadDataKeys,
  withNewKeys,
  writeDataKeys,
} from './data-keys.ts';
import { readPrivateKey } from './key.ts';
import { authenticateKey, PUBLISHED } from './key-mac.ts';
import { MasterKeyRefused } from './master-key-refused.ts';
import { runOn } from './run.ts';
import { secretPlace, signingKeyPlace, totpPlace } from './sealed-places.ts';

type Client = Pick<PoolClient, 'query'>;

/**
 * Proves the master key, as the first step on every store and before anything is written: against the sealed proof,
 * or in a store from before data keys against what was sealed with the master key. A store that holds nothing sealed
 * accepts every master key.
 *
 * @throws MasterKeyRefused
 */
export async function proveMasterKey(client: Client, master: MasterSealer): Promise<void> {
  const { rows } = await client.query<{ keyed: boolean; sealed: boolean }>(
    `SELECT to_regclass('data_keys') IS NOT NULL AS keyed, to_regclass('server_secrets') IS NOT NULL AS sealed`,
  );
  if (rows[0]?.keyed && (await loadDataKeys(runOn(client), master))) return;
  if (rows[0]?.sealed) openLegacyValues(await readLegacyValues(client), master);
}

/**
 * Opens the data keys of a migrated store. The first opening makes them, and adopts what the store held before:
 * that happens once, because afterwards nothing in the store has the format of before, and a store in which
 * something sealed needs data keys that are not there is refused.
 *
 * @throws MasterKeyRefused
 */
export async function openDataKeys(pool: Pool, master: MasterSealer, cause: Cause): Promise<DataKeys> {
  const found = await loadDataKeys(runOn(pool), master);
  if (found && missingIn(found).length === 0) return dataKeysOf(pool, master, found);
  const set = await transaction(pool, (client) => openDataKeysWithin(client, master, cause));
  return dataKeysOf(pool, master, set);
}

/** Reads the data keys and writes nothing; `undefined` where no server has made them yet. @throws MasterKeyRefused */
export async function findDataKeys(pool: Pool, master: MasterSealer): Promise<DataKeys | undefined> {
  const found = await loadDataKeys(runOn(pool), master);
  return found && dataKeysOf(pool, master, found);
}

/** Does what `openDataKeys` does inside a transaction. */
export async function openDataKeysWithin(
  client: PoolClient,
  master: MasterSealer,
  cause: Cause,
): Promise<DataKeySet> {
  const run = runOn(client);
  await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.dataKeys]);
  const found = await loadDataKeys(run, master);
  if (found) {
    const missing = missingIn(found);
    if (missing.length === 0) return found;
    const more = withNewKeys(found, missing);
    await writeDataKeys(run, master, more);
    return more;
  }
  const values = openLegacyValues(await readLegacyValues(client), master);
  const { rows } = await client.query<{ id: string }>('SELECT id FROM installation');
  const set = withNewKeys({ installation: rows[0]?.id ?? '', keys: [] }, DATA_KEY_PURPOSES);
  await writeDataKeys(run, master, set);
  await adopt(client, createDataKeys(set, { master, load: async () => set }), values, cause);
  return set;
}

function missingIn({ keys }: DataKeySet): readonly string[] {
  return DATA_KEY_PURPOSES.filter((purpose) => !keys.some((key) => key.purpose === purpose));
}

/** A value of a store from before data keys. */
interface LegacyValue {
  readonly kind: 'secret' | 'signing-key' | 'totp';
  /** Primary key of the row; with the version for a secret. */
  readonly row: string;
  readonly version: number;
  readonly sealed: Buffer;
}

interface OpenedValue extends LegacyValue {
  /** `undefined` where this master key does not open it. */
  readonly plaintext: Buffer | undefined;
}

async function readLegacyValues(client: Client): Promise<readonly LegacyValue[]> {
  const { rows } = await client.query<LegacyValue>(
    `SELECT 'secret' AS kind, purpose AS row, version, sealed FROM server_secrets
     UNION ALL SELECT 'signing-key', kid, 0, private_sealed FROM signing_keys WHERE private_sealed IS NOT NULL
     UNION ALL SELECT 'totp', user_id, 0, seed_sealed FROM totp_factors`,
  );
  return rows;
}

/**
 * Opens them all. One that does not open is left out, because a command with another master key may have made it;
 * when none opens, the master key is the wrong one.
 */
function openLegacyValues(values: readonly LegacyValue[], master: MasterSealer): readonly OpenedValue[] {
  // Sealed under a data key, in a store that has none: the store was tampered with, or restored in part.
  if (values.some(({ sealed }) => keyIdOf(sealed) !== undefined)) throw new MasterKeyRefused('damaged');
  const results = values.map((value) => ({ ...value, plaintext: openLegacy(value, master) }));
  if (results.length > 0 && results.every(({ plaintext }) => plaintext === undefined)) {
    throw new MasterKeyRefused('wrong');
  }
  return results;
}

function openLegacy({ kind, row, version, sealed }: LegacyValue, master: MasterSealer): Buffer | undefined {
  const context = {
    secret: { purpose: `server-secret ${row}`, owner: String(version) },
    'signing-key': { purpose: 'signing-key', owner: row },
    totp: { purpose: 'totp-seed', owner: row },
  }[kind];
  try {
    return master.open(context, sealed);
  } catch (error) {
    if (error instanceof SealBroken) return undefined;
    throw error;
  }
}

/** Seals under data keys what the master key opened, and drops what nothing can open. */
async function adopt(
  client: PoolClient,
  dataKeys: DataKeys,
  values: readonly OpenedValue[],
  cause: Cause,
): Promise<void> {
  // Authorization requests under way live an hour at the most; they begin again.
  await client.query('DELETE FROM interactions');
  const adopted: string[] = [];
  for (const { kind, row, version, plaintext } of values) {
    if (kind === 'secret') {
      await (plaintext
        ? client.query('UPDATE server_secrets SET sealed = $3 WHERE purpose = $1 AND version = $2', [
            row,
            version,
            dataKeys.seal(secretPlace(row, version), plaintext),
          ])
        : client.query('DELETE FROM server_secrets WHERE purpose = $1 AND version = $2', [row, version]));
    } else if (kind === 'totp') {
      if (!plaintext) continue;
      const sealed = dataKeys.seal(totpPlace(row), plaintext);
      await client.query('UPDATE totp_factors SET seed_sealed = $2 WHERE user_id = $1', [row, sealed]);
    } else if (plaintext && (await adoptSigningKey(client, dataKeys, row, plaintext))) {
      adopted.push(row);
    }
  }
  const { rows } = await client.query<{ kid: string }>(
    `UPDATE signing_keys SET state = 'revoked', private_sealed = NULL, revoked_at = clock_timestamp()
     WHERE ${PUBLISHED} AND mac IS NULL RETURNING kid`,
  );
  if (values.length === 0 && rows.length === 0) return;
  const detail = { signing_keys: adopted, left_out: rows.map(({ kid }) => kid) };
  await recordAuditOn(client, { event: 'data_keys.created', outcome: 'success', detail }, cause);
}

/** Gives the row its MAC when the sealed private key belongs to the public one that it names. */
async function adoptSigningKey(
  client: PoolClient,
  dataKeys: DataKeys,
  kid: string,
  pkcs8: Buffer,
): Promise<boolean> {
  const { rows } = await client.query<{ jwk: Record<string, unknown> }>(
    'SELECT public_jwk AS jwk FROM signing_keys WHERE kid = $1',
    [kid],
  );
  const jwk = rows[0]?.jwk;
  const own: Record<string, unknown> = {
    ...createPublicKey(readPrivateKey(pkcs8)).export({ format: 'jwk' }),
  };
  if (jwk?.['kid'] !== kid || Object.entries(own).some(([name, value]) => jwk[name] !== value)) return false;
  const sealed = dataKeys.seal(signingKeyPlace(kid), pkcs8);
  await client.query('UPDATE signing_keys SET private_sealed = $2 WHERE kid = $1', [kid, sealed]);
  await authenticateKey(runOn(client), dataKeys, kid);
  return true;
}
