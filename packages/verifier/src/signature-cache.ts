import { hash } from 'node:crypto';

import type { PublishedKey } from './key-set.ts';
import type { VerifiedToken } from './token.ts';

/** A token whose signature was found good, and the key that proved it. */
export interface SignedToken {
  readonly token: VerifiedToken;
  readonly kid: string;
  readonly key: PublishedKey;
}

/** Remembers good signatures, so that one token that makes a hundred calls is verified once. */
export interface SignatureCache {
  get(digest: string): SignedToken | undefined;
  set(digest: string, signed: SignedToken): void;
  drop(digest: string): void;
}

/** The name of a token in the cache: its SHA-256, so that memory never holds tokens that could be used. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

/**
 * A cache of at most `size` entries; the one used longest ago leaves first.
 *
 * It says only that a signature is good. Whether the token is still in time and its key still
 * published is asked at every use.
 */
export function createSignatureCache(size: number): SignatureCache {
  const entries = new Map<string, SignedToken>();
  return {
    get(digest) {
      const found = entries.get(digest);
      if (found !== undefined) {
        entries.delete(digest);
        entries.set(digest, found);
      }
      return found;
    },
    set(digest, signed) {
      entries.set(digest, signed);
      if (entries.size > size) {
        const [oldest] = entries.keys();
        if (oldest !== undefined) entries.delete(oldest);
      }
    },
    drop(digest) {
      entries.delete(digest);
    },
  };
}
