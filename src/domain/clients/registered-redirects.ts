import { checkRedirectUri, type RedirectUriRefusal } from './redirect-uri.ts';

const MAX_REDIRECT_URIS = 50;

export type CheckedRedirectUris =
  | { readonly ok: true; readonly uris: readonly string[] }
  | { readonly ok: false; readonly code: RedirectUriRefusal | 'redirect_missing'; readonly reason: string };

/** All of them, byte-exact and in order, doubles too, or what is wrong with the first that cannot be registered. */
export function checkRedirectUris(value: unknown): CheckedRedirectUris {
  if (!Array.isArray(value) || value.length === 0) {
    return {
      ok: false,
      code: 'redirect_missing',
      reason: 'redirect_uris must be an array with at least one URI',
    };
  }
  if (value.length > MAX_REDIRECT_URIS) {
    return {
      ok: false,
      code: 'redirect_malformed',
      reason: `redirect_uris has ${value.length} members; at most ${MAX_REDIRECT_URIS} are accepted`,
    };
  }
  const uris: string[] = [];
  // By index, so that the holes of a sparse array are seen.
  for (let index = 0; index < value.length; index += 1) {
    const uri: unknown = value[index];
    if (typeof uri !== 'string') {
      return { ok: false, code: 'redirect_malformed', reason: `redirect_uris[${index}] is not a string` };
    }
    const checked = checkRedirectUri(uri);
    if (!checked.ok) {
      return { ok: false, code: checked.code, reason: `redirect_uris[${index}]: ${checked.reason}` };
    }
    uris.push(uri);
  }
  return { ok: true, uris };
}

/**
 * OpenID Connect Registration §2: `native` when a redirect leads to a program on the person's machine.
 *
 * Most clients leave it out or, with mixed lists, could not say it truthfully. An https redirect to a
 * loopback host exists for web applications under development only, and keeps a list without private-use
 * schemes `web`.
 */
export function applicationType(uris: readonly string[], stated: unknown): 'native' | 'web' {
  const kinds = uris.map((uri) => {
    const check = checkRedirectUri(uri);
    return { kind: check.ok ? check.kind : undefined, tls: /^https:/i.test(uri) };
  });
  if (kinds.some(({ kind }) => kind === 'private-use')) return 'native';
  const loopback = kinds.filter(({ kind }) => kind === 'loopback');
  if (loopback.some(({ tls }) => tls)) return 'web';
  return loopback.length > 0 || stated === 'native' ? 'native' : 'web';
}
