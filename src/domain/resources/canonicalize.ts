import { isLoopbackHost } from '../../kernel/loopback.ts';

/** Scheme, host, port and path of RFC 3986 with nothing else in them: no userinfo, query or fragment. */
const SHAPE =
  /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::([1-9]\d{0,4}))?((?:\/(?:[a-z0-9\-._~!$&'()*+,;=:@]|%[0-9a-f]{2})*)*)$/i;

/** Octets that a path may not hide behind percent-encoding: controls, what separates segments, and what needs none. */
const HIDDEN = /%(?:[01][0-9a-f]|7f|2f|5c|25|2d|2e|5f|7e|3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])/i;

const MAX_LENGTH = 2048;

/**
 * The one spelling of a resource identifier (RFC 8707 §2, RFC 9728 §3.3), or `undefined` when the value cannot be one.
 *
 * Scheme and host in lower case, the default port dropped, one trailing slash tolerated: what clients
 * write differently for the same server. Everything that two parsers could read differently is refused
 * and not repaired (userinfo, query, fragment, dot segments, empty segments, hidden slashes, backslashes,
 * white space, numeric hosts in other notations), so that one server has one `aud` and no look-alike.
 * Plain http is for loopback hosts only. Stricter than RFC 8707, which allows a query.
 */
export function canonicalizeResource(value: string): string | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  const [, rawScheme, rawHost, port, path] = SHAPE.exec(value) ?? [];
  if (rawScheme === undefined || rawHost === undefined || path === undefined) return undefined;

  const scheme = rawScheme.toLowerCase();
  const host = rawHost.toLowerCase();
  if (scheme === 'http' && !isLoopbackHost(host)) return undefined;

  const segments = path.replace(/\/$/, '').split('/').slice(1);
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return undefined;
  if (HIDDEN.test(path)) return undefined;

  // What a browser or an SDK will make of it must be the same host and port: `http://127.1` is not.
  const url = URL.parse(value);
  if (url?.hostname !== host) return undefined;

  const withPort = url.port === '' ? host : `${host}:${port}`;
  return `${scheme}://${withPort}${segments.map((segment) => `/${segment}`).join('')}`;
}
