import { FetchRefused } from './errors.ts';

/** Where a request goes. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
  /** Value of `Host`: with the port where the URL has one. */
  readonly host: string;
  /** Path and query, as in the URL. */
  readonly path: string;
}

const MAX_URL = 2048;
/** A name of at least two labels, the last of which begins with a letter: no address in any spelling, no trailing dot. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
/** Names that mean a machine or a network nearby (RFC 6761, RFC 6762, RFC 7686, RFC 8375, and ICANN's `internal`). */
const NEARBY = /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|lan|home|corp|onion|arpa|alt)$/;

/**
 * Where a URL leads that somebody else chose: by https, to a name in public DNS, at the default port or
 * one that needs no privilege. Port 443 and those from 1024 on are where web servers are; below lie the
 * well-known services that a request could be smuggled to.
 *
 * @throws FetchRefused
 */
export function targetOf(url: string): Target {
  const parsed = url.length <= MAX_URL ? URL.parse(url) : null;
  if (!parsed || parsed.href !== url) throw new FetchRefused('url_malformed');
  if (parsed.protocol !== 'https:') throw new FetchRefused('url_scheme');
  if (parsed.username !== '' || parsed.password !== '') throw new FetchRefused('url_userinfo');
  if (url.includes('#')) throw new FetchRefused('url_fragment');
  const { hostname, host } = parsed;
  if (!HOST_NAME.test(hostname) || NEARBY.test(hostname)) throw new FetchRefused('url_host');
  const port = parsed.port === '' ? 443 : Number(parsed.port);
  if (port !== 443 && port < 1024) throw new FetchRefused('url_port');
  return { hostname, host, port, path: parsed.pathname + parsed.search };
}
