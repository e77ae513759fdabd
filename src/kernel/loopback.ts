/**
 * The hosts that stand for this machine, as a URL writes them.
 *
 * RFC 8252 §7.3 names the two literals; `localhost` is what most native clients really use. Nothing else
 * counts, not even the rest of 127.0.0.0/8 or names under `.localhost`: these three are what everyone resolves alike.
 */
export const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a URL's host, in lower case, is this machine. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK_HOSTS.has(host);
}
