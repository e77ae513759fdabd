import type { Form } from './shape.ts';

/**
 * The address of the metadata of an issuer in one of the forms that clients try.
 *
 * `undefined` where an issuer without a path has the same address in another form already.
 */
export function discoveryUrl(issuer: string, form: Form): string | undefined {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const at = (before: string, name: string, after: string) =>
    `${origin}${before}/.well-known/${name}${after}`;
  switch (form) {
    case 'oauth_inserted':
      return at('', 'oauth-authorization-server', path);
    case 'openid_inserted':
      return at('', 'openid-configuration', path);
    case 'openid_appended':
      return path === '' ? undefined : at(path, 'openid-configuration', '');
    case 'oauth_root':
      return path === '' ? undefined : at('', 'oauth-authorization-server', '');
    case 'openid_root':
      return path === '' ? undefined : at('', 'openid-configuration', '');
  }
}

/** The forms that every issuer answers to (RFC 8414 §3.1, OpenID Connect Discovery §4). */
export const SERVED: readonly Form[] = ['oauth_inserted', 'openid_inserted', 'openid_appended'];

/** RFC 9728 §3.1: where the metadata of an MCP server are, by its path, and what clients try after it. */
export function resourceMetadataUrls(resource: string): readonly string[] {
  const { origin, pathname } = new URL(resource);
  const root = `${origin}/.well-known/oauth-protected-resource`;
  return pathname === '/' ? [root] : [`${root}${pathname.replace(/\/$/, '')}`, root];
}
