import { checkRedirectUri } from './redirect-uri.ts';

const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::([1-9]\d{0,4}))?((?:[/?].*)?)$/;

/**
 * Whether a requested redirect URI is the registered one: the same string (RFC 9700 §4.1.3).
 *
 * One exception, which native clients need (RFC 8252 §7.3): on a loopback host the port does not count,
 * because the program listens on whatever port is free. The host must be the registered one (`localhost`
 * is not `127.0.0.1`), and path and query are exact, whatever the `application_type`.
 */
export function redirectUriMatches(registered: string, requested: string): boolean {
  if (registered === requested) return true;
  const theirs = LOOPBACK.exec(requested);
  const ours = LOOPBACK.exec(registered);
  if (!theirs || !ours) return false;
  return theirs[1] === ours[1] && theirs[3] === ours[3] && checkRedirectUri(requested).ok;
}

/** A loopback redirect without its port, anything else as it is: what consent is remembered for. */
export function normalizeRedirectUri(uri: string): string {
  const loopback = LOOPBACK.exec(uri);
  return loopback ? `http://${loopback[1]}${loopback[3]}` : uri;
}
