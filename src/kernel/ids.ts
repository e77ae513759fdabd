import { createHash, randomBytes } from 'node:crypto';

/** Every kind of identifier that appears outside, so that a log line can be read. */
export type IdPrefix =
  | 'usr'
  | 'cli'
  | 'agt'
  | 'svc'
  | 'res'
  | 'grt'
  | 'ten'
  | 'rol'
  | 'prm'
  | 'ses'
  | 'pky'
  | 'cns'
  | 'aud'
  | 'req';

/** A new opaque identifier of 128 bits, for example `grt_3q2-7wAAAAAAAAAAAAAAAA`. Not a secret. */
export function newId<P extends IdPrefix>(prefix: P): `${P}_${string}` {
  return `${prefix}_${randomBytes(16).toString('base64url')}`;
}

/** A new bearer secret of 256 bits in `[A-Za-z0-9_-]`, which needs no encoding in any header or form (RFC 6749 §2.3.1). */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a high-entropy secret: SHA-256, looked up by equality. Never for what a human chose. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** The tenant every installation begins with. */
export const DEFAULT_TENANT = 'ten_default';
