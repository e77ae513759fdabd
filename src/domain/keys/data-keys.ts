import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Pool } from 'pg';

import {
  describePlace,
  keyIdOf,
  openBox,
  SealBroken,
  type Sealer,
  type SealPlace,
  sealBox,
} from '../../platform/crypto/box.ts';
import type { MasterSealer } from '../../platform/crypto/seal.ts';

import { MasterKeyRefused } from './master-key-refused.ts';
import { type Run, runOn } from './run.ts';

/** What data keys are for; each purpose has its own. */
export const DATA_KEY_PURPOSES = [
  'signing-key',
  'signing-key-mac',
  'server-secret',
  'totp-seed',
  'interaction',
] as const;

export type DataKeyPurpose = (typeof DATA_KEY_PURPOSES)[number];

/** The data keys of one moment. */
export interface DataKeySet {
  readonly installation: string;
  readonly keys: readonly DataKey[];
}

export interface DataKey {
  /** Stands in every box and MAC; never used twice. */
  readonly id: number;
  readonly purpose: string;
  /** 32 random bytes. */
  readonly key: Buffer;
}

/** Seals and authenticates what the store holds, under the newest data key of each purpose. */
export interface DataKeys extends Sealer {
  mac(purpose: DataKeyPurpose, text: string): Buffer;
  /** Reads the data keys again when the MAC names one that this process does not know. */
  hasMac(purpose: DataKeyPurpose, text: string, mac: Uint8Array | null): Promise<boolean>;
  /**
   * Returns the data keys as a transaction sees them. The master key is needed only when one was made since they
   * were read, so that a running process outlives the replacement of the master key.
   */
  within(run: Run): Promise<DataKeys>;
  /** Reads the data keys again. */
  reload(): Promise<void>;
  readonly master: MasterSealer;
}

const MAC_KEY_ID_BYTES = 4;
const KEY_BYTES = 32;

const LOAD = `
  SELECT i.id AS installation, i.key_proof AS proof, (
    SELECT coalesce(json_agg(json_build_object('id', k.id, 'purpose', k.purpose, 'sealed', encode(k.sealed, 'hex'))
      ORDER BY k.id), '[]') FROM data_keys k) AS keys
  FROM installation i`;

/** Where the proof of the master key is sealed to, and a data key. */
const proofContext = (installation: string) => ({ purpose: 'key-proof', owner: installation });
const keyContext = (installation: string, { id, purpose }: Pick<DataKey, 'id' | 'purpose'>) => ({
  purpose: `data-key ${purpose}`,
  owner: `${installation} ${id}`,
});

/**
 * Reads the data keys that the proof of the master key lists. A row that it does not list is ignored, so that one
 * from an older state of the store cannot be put back alone. Returns `undefined` where none was ever made.
 *
 * @throws MasterKeyRefused when the master key is another, or data keys are missing or altered.
 */
export async function loadDataKeys(run: Run, master: MasterSealer): Promise<DataKeySet | undefined> {
  const [row] = await run<{
    installation: string;
    proof: Uint8Array | null;
    keys: readonly { readonly id: number; readonly purpose: string; readonly sealed: string }[];
  }>(LOAD, []);
  if (!row) throw new Error('the store has no row about its installation');
  const { installation, proof, keys } = row;
  if (proof === null) {
    if (keys.length > 0) throw new MasterKeyRefused('damaged');
    return undefined;
  }
  const { live } = JSON.parse(opened(master, proofContext(installation), proof).toString()) as {
    live: readonly number[];
  };
  return {
    installation,
    keys: live.map((id) => {
      const found = keys.find((key) => key.id === id);
      if (!found) throw new MasterKeyRefused('damaged');
      const { purpose, sealed } = found;
      return {
        id,
        purpose,
        key: opened(master, keyContext(installation, found), Buffer.from(sealed, 'hex')),
      };
    }),
  };
}

/** Writes data keys and the proof that lists them; every other data key is deleted. */
export async function writeDataKeys(
  run: Run,
  master: MasterSealer,
  { installation, keys }: DataKeySet,
): Promise<void> {
  await run('DELETE FROM data_keys', []);
  for (const key of keys) {
    const sealed = new Uint8Array(master.seal(keyContext(installation, key), key.key));
    await run('INSERT INTO data_keys (id, purpose, sealed) VALUES ($1::int, $2::text, $3::bytea)', [
      key.id,
      key.purpose,
      sealed,
    ]);
  }
  const live = JSON.stringify({ live: keys.map(({ id }) => id) });
  const proof = new Uint8Array(master.seal(proofContext(installation), live));
  await run('UPDATE installation SET key_proof = $1::bytea', [proof]);
}

/** Adds a new random key for each purpose. Their ids are higher than any before. */
export function withNewKeys(set: DataKeySet, purposes: readonly string[]): DataKeySet {
  const highest = Math.max(0, ...set.keys.map(({ id }) => id));
  const made = purposes.map((purpose, n) => ({ id: highest + 1 + n, purpose, key: randomBytes(KEY_BYTES) }));
  return { ...set, keys: [...set.keys, ...made] };
}

/** Seals and opens with these data keys; reads them again with `load` when a value names one that is not there. */
export function createDataKeys(
  first: DataKeySet,
  { master, load }: { readonly master: MasterSealer; readonly load: () => Promise<DataKeySet> },
): DataKeys {
  let set = first;

  function newest(purpose: string): DataKey {
    const found = set.keys.findLast((key) => key.purpose === purpose);
    if (!found) throw new Error(`there is no data key for ${purpose}`);
    return found;
  }

  const known = (id: number, purpose: string) =>
    set.keys.find((key) => key.id === id && key.purpose === purpose)?.key;

  async function find(id: number | undefined, purpose: string): Promise<Buffer | undefined> {
    if (id === undefined) return undefined;
    const key = known(id, purpose);
    if (key) return key;
    set = await load();
    return known(id, purpose);
  }

  return {
    master,

    seal: (place, plaintext) => sealBox(newest(place.purpose), place, plaintext),

    async open(place, sealed) {
      const key = await find(keyIdOf(sealed), place.purpose);
      if (!key) throw new SealBroken(describePlace(place));
      return openBox(key, place, sealed);
    },

    mac(purpose, text) {
      const { id, key } = newest(purpose);
      const header = Buffer.alloc(MAC_KEY_ID_BYTES);
      header.writeUInt32BE(id);
      return Buffer.concat([header, digest(key, text)]);
    },

    async hasMac(purpose, text, mac) {
      if (mac === null || mac.length !== MAC_KEY_ID_BYTES + KEY_BYTES) return false;
      const bytes = Buffer.from(mac);
      const key = await find(bytes.readUInt32BE(0), purpose);
      return key !== undefined && timingSafeEqual(digest(key, text), bytes.subarray(MAC_KEY_ID_BYTES));
    },

    async within(run) {
      const [row] = await run<{ highest: number | null }>('SELECT max(id) AS highest FROM data_keys', []);
      const highest = Math.max(0, ...set.keys.map(({ id }) => id));
      const load = async () => {
        const found = await loadDataKeys(run, master);
        if (!found) throw new MasterKeyRefused('damaged');
        return found;
      };
      // Made by another process, whose transaction is over: this one has made none yet.
      if (row?.highest !== highest) set = await load();
      return createDataKeys(set, { master, load });
    },

    async reload() {
      set = await load();
    },
  };
}

/** Reads the data keys of an opened store from its pool. */
export function dataKeysOf(pool: Pool, master: MasterSealer, set: DataKeySet): DataKeys {
  const load = async () => {
    const found = await loadDataKeys(runOn(pool), master);
    if (!found) throw new MasterKeyRefused('damaged');
    return found;
  };
  return createDataKeys(set, { master, load });
}

function opened(
  master: MasterSealer,
  context: Parameters<MasterSealer['open']>[0],
  sealed: Uint8Array,
): Buffer {
  try {
    return master.open(context, sealed);
  } catch (cause) {
    throw new MasterKeyRefused('wrong', { cause });
  }
}

function digest(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export type { SealPlace };
