import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

import { SealBroken } from './box.ts';

/** What a sealed value belongs to; it opens only in the same place (AEAD associated data). */
export interface SealContext {
  /** What for, for example `signing-key`. */
  readonly purpose: string;
  /** Whose: the id of the owning row. */
  readonly owner: string;
  readonly tenant?: string;
}

/**
 * Seals under the master key itself: AES-256-GCM, a random nonce per value. Only data keys are sealed so; values
 * are sealed under data keys (box.ts). It also opens the values of stores from before data keys.
 */
export interface MasterSealer {
  seal(context: SealContext, plaintext: Buffer | string): Buffer;
  /** @throws SealBroken when the value, its place or the master key is another. */
  open(context: SealContext, sealed: Uint8Array): Buffer;
  /** A key of 32 bytes for one purpose, the same in every process of the installation (RFC 5869). */
  derive(purpose: string): Buffer;
}

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function createMasterSealer(masterKey: Buffer): MasterSealer {
  const derive = (purpose: string) =>
    Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), `gatehouse ${purpose}`, 32));
  const key = derive('seal v1');

  return {
    seal(context, plaintext) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated(context));
      const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]);
    },

    open(context, sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      try {
        if (bytes[0] !== VERSION) throw new Error('unknown version');
        const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
        const tag = bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES);
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
          .setAAD(associated(context))
          .setAuthTag(tag);
        return Buffer.concat([
          decipher.update(bytes.subarray(1 + NONCE_BYTES + TAG_BYTES)),
          decipher.final(),
        ]);
      } catch (cause) {
        throw new SealBroken(`the sealed ${context.purpose} of ${context.owner}`, { cause });
      }
    },

    derive,
  };
}

/** Unambiguous: a JSON array quotes its members, so no two contexts share their bytes. */
function associated({ purpose, owner, tenant = '' }: SealContext): Buffer {
  return Buffer.from(JSON.stringify([purpose, tenant, owner]));
}

/** What Node makes of the bytes of a key takes it longer than the code itself, and the keys are the same few all day. */
const prepared = new WeakMap<Buffer, KeyObject>();

/** HMAC-SHA256, base64url. The key never changes. */
export function hmac(key: Buffer, ...parts: readonly string[]): string {
  const secret = prepared.get(key) ?? createSecretKey(key);
  prepared.set(key, secret);
  return createHmac('sha256', secret).update(JSON.stringify(parts)).digest('base64url');
}
