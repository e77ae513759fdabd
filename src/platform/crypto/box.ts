import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Where a sealed value stands. It opens there only: every member is associated data (RFC 5116 §2.1). */
export interface SealPlace {
  /** Selects the data key, for example `totp-seed`. */
  readonly purpose: string;
  readonly table: string;
  readonly column: string;
  /** Primary key of the row. */
  readonly row: string;
  /** Id of the user, client or agent that the value belongs to; empty for the installation. */
  readonly owner?: string;
  /** Empty for what belongs to the installation. */
  readonly tenant?: string;
}

/** Seals values for the store, under a data key per purpose. */
export interface Sealer {
  seal(place: SealPlace, plaintext: Buffer | string): Buffer;
  /** @throws SealBroken when the value, its place or its data key is another. */
  open(place: SealPlace, sealed: Uint8Array): Promise<Buffer>;
}

/** A sealed value could not be opened: altered, moved, or sealed under another key. */
export class SealBroken extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} cannot be opened: is this the master key that it was sealed under?`, options);
    this.name = 'SealBroken';
  }
}

/** Format byte; 1 is the format of values sealed under the master key itself. */
const FORMAT = 2;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
const BODY_START = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/** Seals with AES-256-GCM and a random nonce: format, key id, nonce, tag, ciphertext. */
export function sealBox(
  { id, key }: { readonly id: number; readonly key: Buffer },
  place: SealPlace,
  plaintext: Buffer | string,
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(FORMAT, 0);
  header.writeUInt32BE(id, 1);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated(header, place));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, nonce, cipher.getAuthTag(), body]);
}

/** @throws SealBroken */
export function openBox(key: Buffer, place: SealPlace, sealed: Uint8Array): Buffer {
  const bytes = viewOf(sealed);
  try {
    const header = bytes.subarray(0, HEADER_BYTES);
    const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(associated(header, place))
      .setAuthTag(bytes.subarray(HEADER_BYTES + NONCE_BYTES, BODY_START));
    return Buffer.concat([decipher.update(bytes.subarray(BODY_START)), decipher.final()]);
  } catch (cause) {
    throw new SealBroken(describePlace(place), { cause });
  }
}

/** Returns the id of the data key that a box names; `undefined` for any other format. */
export function keyIdOf(sealed: Uint8Array): number | undefined {
  const bytes = viewOf(sealed);
  return bytes[0] === FORMAT && bytes.length >= BODY_START ? bytes.readUInt32BE(1) : undefined;
}

export function describePlace({ table, column, row }: SealPlace): string {
  return `the sealed ${table}.${column} of ${row}`;
}

/** A JSON array quotes its members, so no two places share their bytes. */
function associated(header: Buffer, { purpose, table, column, row, owner = '', tenant = '' }: SealPlace) {
  return Buffer.concat([header, Buffer.from(JSON.stringify([purpose, table, column, row, owner, tenant]))]);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
