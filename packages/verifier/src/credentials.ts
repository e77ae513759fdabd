/** What a request says about who sends it. */
export type Credentials =
  /** An access token in the one place where it is accepted. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** Nothing that we could verify. */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly reason: string };

/**
 * Finds the access token of a request: in the `Authorization` header and nowhere else (RFC 6750 §2.1,
 * OAuth 2.1 §5.1).
 *
 * A token in the query (RFC 6750 §2.3) is never accepted, since URLs end up in logs and histories;
 * beside a header it makes the request malformed, as do several headers (§3.1). Another scheme counts
 * as no credentials: its sender does not know yet what is asked for.
 */
export function readCredentials(authorization: readonly string[], query: string): Credentials {
  const [header] = authorization;
  if (header === undefined) return { kind: 'none' };
  if (authorization.length > 1) return malformed('More than one Authorization header was sent');
  const [, scheme = '', rest = ''] = /^([^ ]*)(?: +([^ ].*))?$/.exec(header.trim()) ?? [];
  if (scheme.toLowerCase() !== 'bearer') return { kind: 'none' };
  if (new URLSearchParams(query).has('access_token')) {
    return malformed('The access token was sent in more than one way');
  }
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(rest)) {
    return malformed('The Authorization header is not of the form "Bearer TOKEN"');
  }
  return { kind: 'bearer', token: rest };
}

function malformed(reason: string): Credentials {
  return { kind: 'malformed', reason };
}
