/** The hosts that stand for this machine (RFC 8252 §7.3). */
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Scheme, host, port and path of RFC 3986 with nothing else in them: no userinfo, query or fragment. */
const SHAPE =
  /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::([1-9]\d{0,4}))?((?:\/(?:[a-z0-9\-._~!$&'()*+,;=:@]|%[0-9a-f]{2})*)*)$/i;

/** Octets that a path must not percent-encode: controls, separators of segments, unreserved characters. */
const HIDDEN = /%(?:[01][0-9a-f]|7f|2f|5c|25|2d|2e|5f|7e|3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])/i;

const MAX_LENGTH = 2048;

/**
 * Returns the canonical form of a resource identifier (RFC 8707 §2, RFC 9728 §3.3), or `undefined` when the
 * value cannot be one.
 *
 * The rule of the authorization server, repeated here because this package stands alone; a test holds the two
 * together. A token for any other spelling of the resource is never issued.
 */
export function canonicalizeResource(value: string): string | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  const [, rawScheme, rawHost, port, path] = SHAPE.exec(value) ?? [];
  if (rawScheme === undefined || rawHost === undefined || path === undefined) return undefined;

  const scheme = rawScheme.toLowerCase();
  const host = rawHost.toLowerCase();
  if (scheme === 'http' && !LOOPBACK_HOSTS.has(host)) return undefined;

  const segments = path.replace(/\/$/, '').split('/').slice(1);
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return undefined;
  if (HIDDEN.test(path)) return undefined;

  // A URL parser must read the same host: `http://127.1` is another one.
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  if (url.hostname !== host) return undefined;

  const withPort = url.port === '' ? host : `${host}:${port}`;
  return `${scheme}://${withPort}${segments.map((segment) => `/${segment}`).join('')}`;
}
