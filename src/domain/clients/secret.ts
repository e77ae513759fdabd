import { timingSafeEqual } from 'node:crypto';
import { hashSecret } from '../../kernel/ids.ts';

/** Whether a presented client secret is the one whose SHA-256 is kept (RFC 6749 §2.3.1). */
export function clientSecretMatches(secretHash: Buffer | undefined, presented: string): boolean {
  const hash = hashSecret(presented);
  return secretHash !== undefined && secretHash.length === hash.length && timingSafeEqual(secretHash, hash);
}
