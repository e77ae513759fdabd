import { hash, randomBytes, randomFillSync } from 'node:crypto';

/** Every kind of identifier that appears outside, so that a log line can be read. */
export type IdPrefix =
  | 'usr'
  | 'cli'
  | 'rgt'
  | 'rul'
  | 'crq'
  | 'agt'
  | 'svc'
  | 'res'
  | 'grt'
  | 'ten'
  | 'rol'
  | 'prm'
  | 'ses'
  | 'pky'
  | 'ntc'
  | 'cns'
  | 'aud'
  | 'flw'
  | 'req';

/** Drawn ahead, because asking the generator takes far longer than taking 16 bytes. Never for a secret. */
const drawn = Buffer.allocUnsafeSlow(4096);
let taken = drawn.length;

/** A new opaque identifier of 128 bits in base64url. Not a secret. */
export function newUnique(): string {
  if (taken === drawn.length) {
    randomFillSync(drawn);
    taken = 0;
  }
  taken += 16;
  return drawn.toString('base64url', taken - 16, taken);
}

/** The same with its kind before it, for example `grt_3q2-7wAAAAAAAAAAAAAAAA`. */
export function newId<P extends IdPrefix>(prefix: P): `${P}_${string}` {
  return `${prefix}_${newUnique()}`;
}

/** A new bearer secret of 256 bits in `[A-Za-z0-9_-]`, which needs no encoding in any header or form (RFC 6749 §2.3.1). */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a high-entropy secret: SHA-256, looked up by equality. Never for what a human chose. */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/**
 * The name of one authorization from its request to its code, for people who ask what became of it. Made of
 * the id that its browser holds, which nobody can find from it.
 */
export function flowId(interaction: string): `flw_${string}` {
  return `flw_${hash('sha256', `flow:${interaction}`, 'buffer').toString('base64url', 0, 16)}`;
}

/** The tenant every installation begins with. */
export const DEFAULT_TENANT = 'ten_default';
