import { type CachedDocument, createCachedDocument } from './cached-document.ts';
import { isObject } from './claims.ts';
import type { Fetch } from './fetch-json.ts';

/** Authorization server metadata as it was published (RFC 8414 §2). */
export type AuthorizationServerMetadata = Readonly<Record<string, unknown>> & {
  readonly issuer: string;
  readonly jwks_uri: string;
};

interface Deps {
  readonly issuer: string;
  readonly fetch: Fetch;
  readonly now: () => number;
}

/**
 * The metadata of the authorization server, kept like any document.
 *
 * Refuses metadata that name another issuer (RFC 8414 §3.3, byte for byte) or whose `jwks_uri` could
 * be read or changed on the way: https, or http on the loopback interface.
 */
export function createAuthorizationServer({
  issuer,
  fetch,
  now,
}: Deps): CachedDocument<AuthorizationServerMetadata> {
  const url = wellKnown(issuer, 'oauth-authorization-server');
  return createCachedDocument({ url: () => url, parse: (json) => readMetadata(json, issuer), fetch, now });
}

function readMetadata(json: unknown, issuer: string): AuthorizationServerMetadata {
  if (!isObject(json) || json['issuer'] !== issuer) {
    throw new Error(`the metadata of the authorization server do not name the issuer ${issuer}`);
  }
  const jwksUri = json['jwks_uri'];
  if (typeof jwksUri !== 'string' || !isProtected(new URL(jwksUri))) {
    throw new Error('the jwks_uri of the authorization server is missing or neither https nor loopback');
  }
  return { ...json, issuer, jwks_uri: jwksUri };
}

/** Inserts a well-known path before the path of an identifier (RFC 8414 §3.1, RFC 9728 §3.1). */
export function wellKnown(identifier: string, suffix: string): string {
  const { origin, pathname, search } = new URL(identifier);
  return `${origin}/.well-known/${suffix}${pathname.replace(/\/$/, '')}${search}`;
}

/** Whether what travels to this address cannot be read or changed on the way. */
export function isProtected(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** Whether a host name is this machine (RFC 8252 §8.3). */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
