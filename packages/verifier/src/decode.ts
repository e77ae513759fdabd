import { base64url } from 'jose';

import { isObject } from './claims.ts';
import type { Algorithm } from './key-set.ts';
import { TokenError } from './token-error.ts';

/** The parts of a compact JWS, not verified yet. */
export interface DecodedToken {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** RFC 4648 §5. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The longest token that is looked at, in characters. */
const MAX_LENGTH = 16 * 1024;

/**
 * Takes a token apart and refuses by its header what can never be an access token of ours.
 *
 * The type is enforced (RFC 9068 §4), so that no ID token, logout token, assertion or proof passes.
 * Only `alg`, `typ` and `kid` are read: a header cannot bring its own key (`jwk`, `jku`, `x5c`), and
 * none of the extensions that `crit` could demand is known.
 */
export function decodeToken(token: string, algorithms: ReadonlySet<Algorithm>): DecodedToken {
  const parts = token.length > MAX_LENGTH ? [] : token.split('.');
  const [head = '', payload = ''] = parts;
  if (parts.length !== 3 || !parts.every(isCanonicalBase64url)) throw malformed();
  const header = json(head);
  if (header === undefined || header['crit'] !== undefined) throw malformed();
  const { alg, kid } = { alg: header['alg'], kid: header['kid'] };
  if (!isAccessTokenType(header['typ'])) throw new TokenError('typ', 'the token is not of type at+jwt');
  if (!isOneOf(algorithms, alg))
    throw new TokenError('algorithm', 'the algorithm of the token is not accepted');
  if (typeof kid !== 'string') throw new TokenError('key_unknown', 'the token does not name its key');
  const claims = json(payload);
  if (claims === undefined) throw malformed();
  return { kid, alg, claims };
}

/**
 * RFC 7515 §2: base64url without padding. The unused bits of the last character must be zero, so that bytes
 * have one encoding only.
 */
function isCanonicalBase64url(part: string): boolean {
  if (!/^[A-Za-z0-9_-]*$/.test(part)) return false;
  const unused = [0, undefined, 0b1111, 0b11][part.length % 4];
  return unused !== undefined && (ALPHABET.indexOf(part.at(-1) ?? '') & unused) === 0;
}

/** RFC 9068 §2.1; media types have no case, and the prefix `application/` may be left out (RFC 7515 §4.1.9). */
function isAccessTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(application\/)?at\+jwt$/i.test(typ);
}

function isOneOf<T>(set: ReadonlySet<T>, value: unknown): value is T {
  return (set as ReadonlySet<unknown>).has(value);
}

/** RFC 8259 §8.1: a byte order mark is not part of JSON, so it is kept and does not parse. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function json(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = utf8.decode(base64url.decode(part));
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function malformed(): TokenError {
  return new TokenError('malformed', 'the token is not a signed JWT that can be read');
}
