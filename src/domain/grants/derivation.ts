import { hmac } from '../../platform/crypto/seal.ts';
import { oldestSecretVersion } from '../keys/index.ts';

/** The secret that successors are derived with; its version stands beside the used predecessor. */
export interface DerivationSecret {
  readonly version: number;
  readonly key: Buffer;
}

/**
 * The successor of a refresh token: HMAC-SHA256 over predecessor and generation.
 *
 * Derived and never stored, so that a lost response can be repeated with the same successor, and
 * so that a copy of the database yields no token. Without the secret it is as hard to guess as a
 * random value of 256 bits.
 */
export function successorOf(predecessor: string, generation: number, secret: DerivationSecret): string {
  return hmac(secret.key, 'refresh successor', predecessor, String(generation + 1));
}

/** Generations that a repeated token may be behind the leaf: the derivations that one request may cost. */
export const MAX_GENERATIONS_BEHIND = 1_000;

/** SQL: the oldest derivation secret that was not dropped; what an older one made is dead. */
export const OLDEST_VERSION = oldestSecretVersion('refresh-derivation');

/**
 * SQL: whether the refresh token `t` belongs to a family whose derivation secret was dropped: the one that made it, or
 * the one that made its successor. An attacker who has that secret can compute the leaf from any earlier token.
 */
export const derivationDropped = `COALESCE(LEAST(
  CASE WHEN t.generation > 0 THEN t.derived_version END,
  CASE WHEN t.used_at IS NOT NULL THEN t.secret_version END) < ${OLDEST_VERSION}, false)`;
