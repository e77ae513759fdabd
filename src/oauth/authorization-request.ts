import { canonicalizeResource } from '../domain/resources/index.ts';

/**
 * What OpenID Connect adds to a request and what means nothing without `openid`. Clients that send
 * one anyway (a `nonce` out of habit) are not refused for it.
 */
const OPENID_ONLY = [
  'nonce',
  'claims',
  'claims_locales',
  'acr_values',
  'id_token_hint',
  'ui_locales',
  'display',
];

/**
 * Puts an authorization request into the form in which the library reads it as we mean it:
 *
 * - every spelling of a resource becomes the registered one (RFC 8707 §2);
 * - surplus spaces in `scope` go, and an empty one counts as omitted (RFC 6749 §3.3);
 * - `max_age` works without `openid`; what else OpenID Connect defines is dropped without it;
 * - a `response_mode` other than `query`, and a `response_type` other than `code`, become values that
 *   the library refuses with an answer in the query, never in a fragment or a form.
 *
 * What is sent twice stays as it is, for the library to refuse (RFC 6749 §3.1).
 */
export function normalizeAuthorizationRequest(query: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams(query);
  const once = (name: string) => {
    const values = params.getAll(name);
    return values.length === 1 ? values[0] : undefined;
  };

  const scope = once('scope');
  if (scope !== undefined) {
    const tidy = scope.split(' ').filter(Boolean).join(' ');
    if (tidy) params.set('scope', tidy);
    else params.delete('scope');
  }

  const resource = once('resource');
  if (resource !== undefined) params.set('resource', canonicalizeResource(resource) ?? resource);

  const responseType = once('response_type');
  if (responseType !== undefined && responseType !== 'code') params.set('response_type', 'unsupported');

  const responseMode = once('response_mode');
  if (responseMode !== undefined && responseMode !== 'query') params.set('response_mode', 'unsupported');

  params.delete('plain_max_age');
  if (!scope?.split(' ').includes('openid')) {
    const maxAge = once('max_age');
    if (maxAge !== undefined) {
      params.delete('max_age');
      params.set('plain_max_age', maxAge);
    }
    for (const name of OPENID_ONLY) if (once(name) !== undefined) params.delete(name);
  }
  return params;
}
