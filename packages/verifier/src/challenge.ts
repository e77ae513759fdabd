import { isScopeToken } from './scopes.ts';

/** The error codes of RFC 6750 §3.1. */
export type ChallengeError = 'invalid_request' | 'invalid_token' | 'insufficient_scope';

/** What a challenge tells the client. */
export interface Challenge {
  /** Left out when the request carried no credentials (RFC 6750 §3.1). */
  readonly error?: ChallengeError;
  readonly description?: string;
  /** The scopes to ask for. */
  readonly scope?: readonly string[];
  /** Where the protected resource metadata are (RFC 9728 §5.1). */
  readonly resourceMetadata?: string;
}

/**
 * The value of a `WWW-Authenticate` header (RFC 6750 §3), which begins with `Bearer `: clients look
 * for exactly that.
 *
 * No value can leave its quotes: what RFC 6750 does not allow inside them is replaced, and a scope
 * that is no scope-token is dropped.
 */
export function challenge({ error, description, scope, resourceMetadata }: Challenge): string {
  const parameters = [
    ['error', error],
    ['error_description', description],
    ['scope', scope?.filter(isScopeToken).join(' ')],
    ['resource_metadata', resourceMetadata],
  ] as const;
  const written = parameters
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name}="${quotable(value ?? '')}"`);
  return written.length === 0 ? 'Bearer' : `Bearer ${written.join(', ')}`;
}

/** RFC 6750 §3 allows %x20-21 / %x23-5B / %x5D-7E: neither quote nor backslash, so nothing to escape. */
function quotable(value: string): string {
  return value.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, ' ');
}
