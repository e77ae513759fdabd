import { isLoopback } from './authorization-server.ts';

/**
 * Makes the judge of `Origin` headers, which the MCP transports require against DNS rebinding.
 *
 * A request without the header does not come from a foreign page and passes. Of those with one, the
 * server's own origin passes, a page on this machine (the MCP Inspector runs there), and what is
 * listed. `null` and everything unreadable does not.
 */
export function createOriginCheck(
  resource: string,
  listed: readonly string[],
): (origin: string | undefined) => boolean {
  const allowed = new Set([new URL(resource).origin, ...listed]);
  return (origin) => origin === undefined || allowed.has(origin) || isLoopbackOrigin(origin);
}

function isLoopbackOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  return (url.protocol === 'http:' || url.protocol === 'https:') && isLoopback(url.hostname);
}
