import { isLoopbackHost } from '../../kernel/loopback.ts';

import { PRIVATE_USE_SCHEMES } from './private-use-schemes.ts';

/** `loopback` leads to this very machine, by http or https. */
export type RedirectUriKind = 'https' | 'loopback' | 'private-use';

export type RedirectUriRefusal =
  | 'redirect_malformed'
  | 'redirect_scheme'
  | 'redirect_http'
  | 'redirect_fragment'
  | 'redirect_wildcard'
  | 'redirect_userinfo'
  | 'redirect_dot_segment'
  | 'redirect_ambiguous';

export type RedirectUriCheck =
  | { readonly ok: true; readonly kind: RedirectUriKind }
  /** `code` is for the audit trail; `reason` is a sentence that says what to mend. */
  | { readonly ok: false; readonly code: RedirectUriRefusal; readonly reason: string };

const MAX_LENGTH = 2048;

/** RFC 3986 §2: what a URI may be written with, and complete percent-encodings. */
const URI_CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;

/** RFC 3986 appendix B, without the fragment. */
const PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?]*)(?![^/?]))?([^?]*)(\?.*)?$/;
/** What a host on the web is made of. RFC 3986 has more for a name; no such name is anybody's, and people would misread it. */
const AUTHORITY = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)(?::([1-9]\d{0,4}))?$/;

/** A reversed domain name (RFC 8252 §7.1), which begins with a top-level domain and not with `x-` of some system. */
const REVERSED_DOMAIN = /^(?:[a-z]{2,63}|xn--[a-z0-9-]+)(?:\.[a-z0-9][a-z0-9+-]*)+$/;

const refuse = (code: RedirectUriRefusal, reason: string): RedirectUriCheck => ({ ok: false, code, reason });

/**
 * Whether a redirect URI may be registered, by whatever way of registering.
 *
 * https; http on a loopback host; a private-use scheme with a dot or out of our catalogue. The value is
 * read as a browser would (white space and control characters gone) to find its scheme, and as RFC 3986
 * would, and is refused where the two disagree: what we compare must be what the browser opens.
 */
export function checkRedirectUri(uri: string): RedirectUriCheck {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(asBrowserReads(uri))?.[1]?.toLowerCase();
  if (scheme === undefined) {
    return refuse(
      'redirect_malformed',
      'a redirect URI is absolute: it begins with a scheme, for example https://',
    );
  }
  if (scheme !== 'https' && scheme !== 'http' && !isPrivateUse(scheme)) {
    return refuse(
      'redirect_scheme',
      `the scheme ${scheme}: is not accepted; use https, http on a loopback host, or a reversed domain name such as com.example.app (RFC 8252 §7.1)`,
    );
  }
  if (uri.includes('#'))
    return refuse(
      'redirect_fragment',
      'a redirect URI has no fragment; remove "#" and what follows (RFC 6749 §3.1.2)',
    );
  if (uri.includes('*'))
    return refuse(
      'redirect_wildcard',
      'a redirect URI has no wildcard; register every URI in full (RFC 9700 §4.1.1)',
    );
  if (uri.length > MAX_LENGTH || !URI_CHARACTERS.test(uri)) {
    return refuse(
      'redirect_malformed',
      `a redirect URI has at most ${MAX_LENGTH} characters of RFC 3986: no space, control character, backslash or bare "%"; write other characters percent-encoded`,
    );
  }

  const [, , authority, path, query = ''] = PARTS.exec(uri) ?? [];
  if (path === undefined) return refuse('redirect_malformed', 'this is not a URI (RFC 3986 §3)');
  if (authority?.includes('@'))
    return refuse('redirect_userinfo', 'a redirect URI names no user; remove what stands before "@"');
  if (path.split('/').some(isDotSegment)) {
    return refuse(
      'redirect_dot_segment',
      'a redirect URI has no "." or ".." segment; write the path that is meant',
    );
  }
  return scheme === 'https' || scheme === 'http'
    ? checkWeb(uri, scheme, { authority, path, query })
    : checkPrivateUse(uri, { authority, path });
}

function checkWeb(
  uri: string,
  scheme: 'https' | 'http',
  { authority, path, query }: { authority: string | undefined; path: string; query: string },
): RedirectUriCheck {
  const [, host, port] = AUTHORITY.exec(authority ?? '') ?? [];
  const url = URL.parse(uri);
  if (!host || !url) return refuse('redirect_malformed', `write it as ${scheme}://host/path`);

  const agreed =
    url.hostname === host.toLowerCase() &&
    (url.port === (port ?? '') || (url.port === '' && port === (scheme === 'https' ? '443' : '80'))) &&
    url.pathname === (path || '/') &&
    url.search === (query === '?' ? '' : query);
  if (!agreed || host.endsWith('.')) {
    return refuse(
      'redirect_ambiguous',
      `a browser would open ${url.href}; register exactly that, if it is meant`,
    );
  }
  if (scheme === 'https') return { ok: true, kind: isThisMachine(url.hostname) ? 'loopback' : 'https' };
  if (isLoopbackHost(url.hostname)) return { ok: true, kind: 'loopback' };
  return refuse(
    'redirect_http',
    'http is accepted for localhost, 127.0.0.1 and [::1] only; use https (RFC 8252 §7.3)',
  );
}

function checkPrivateUse(
  uri: string,
  { authority, path }: { authority: string | undefined; path: string },
): RedirectUriCheck {
  const url = URL.parse(uri);
  if (!url) return refuse('redirect_malformed', 'this is not a URI that a browser can open');
  const agreed = url.host.toLowerCase() === (authority ?? '').toLowerCase() && url.pathname === path;
  if (!agreed)
    return refuse(
      'redirect_ambiguous',
      `a browser would open ${url.href}; register exactly that, if it is meant`,
    );
  if (!authority && !path.replaceAll('/', '')) {
    return refuse(
      'redirect_malformed',
      'a redirect URI has something after its scheme, for example com.example.app:/callback',
    );
  }
  return { ok: true, kind: 'private-use' };
}

/** WHATWG URL, "basic URL parser" steps 1 to 3: leading and trailing C0 control or space, then every tab and newline. */
function asBrowserReads(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && value.charCodeAt(start) <= 0x20) start += 1;
  while (end > start && value.charCodeAt(end - 1) <= 0x20) end -= 1;
  return value.slice(start, end).replace(/[\t\n\r]/g, '');
}

/** Every host that a browser takes to be this machine, the three that http may be used with and the rest of them. */
function isThisMachine(hostname: string): boolean {
  return (
    /(?:^|\.)localhost$/.test(hostname) ||
    /^(?:127\.|0\.0\.0\.0$)/.test(hostname) ||
    /^\[::(?:1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}|ffff:0:0)?\]$/.test(hostname)
  );
}

function isPrivateUse(scheme: string): boolean {
  return REVERSED_DOMAIN.test(scheme) || PRIVATE_USE_SCHEMES.has(scheme);
}

function isDotSegment(segment: string): boolean {
  const decoded = segment.replace(/%2e/gi, '.');
  return decoded === '.' || decoded === '..';
}
