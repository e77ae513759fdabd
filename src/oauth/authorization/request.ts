import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import { canonicalizeResource } from '../../domain/resources/index.ts';

/**
 * What OpenID Connect adds to a request and what means nothing without `openid`. Clients that send
 * one anyway (a `nonce` out of habit) are not refused for it.
 */
const OPENID_ONLY = ['nonce', 'claims', 'claims_locales', 'acr_values', 'ui_locales', 'display'];

/**
 * Puts an authorization request into the form in which the library reads it as we mean it:
 *
 * - every spelling of a resource becomes the registered one, and one that is repeated counts once
 *   (RFC 8707 §2); different ones stay, for the resource check to refuse;
 * - surplus spaces in `scope` go, and an empty one counts as omitted (RFC 6749 §3.3);
 * - `max_age` works without `openid`; what else OpenID Connect defines is dropped without it;
 * - `id_token_hint` is not used and therefore not read;
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

  const resources = new Set(params.getAll('resource').map((value) => canonicalizeResource(value) ?? value));
  const [resource] = resources;
  if (resources.size === 1 && resource !== undefined) params.set('resource', resource);

  const prompt = once('prompt')?.split(' ');
  if (prompt?.includes('select_account')) params.set('prompt', withAccountShown(prompt).join(' '));

  const responseType = once('response_type');
  if (responseType !== undefined && responseType !== 'code') params.set('response_type', 'unsupported');

  const responseMode = once('response_mode');
  if (responseMode !== undefined && responseMode !== 'query') params.set('response_mode', 'unsupported');

  if (once('id_token_hint') !== undefined) params.delete('id_token_hint');
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

/**
 * Replaces `select_account` (OpenID Connect Core §3.1.2.1) by `consent`: a browser has one session, and the
 * consent page names its user and offers to sign in as another one. With `none` the library refuses both alike.
 */
function withAccountShown(prompts: readonly string[]): readonly string[] {
  return [...new Set(prompts.map((prompt) => (prompt === 'select_account' ? 'consent' : prompt)))];
}

/** RFC 7636 §4.2: the base64url encoding of a SHA-256 hash, and nothing else. */
const S256_CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
/** What a nonce is made of: text that can be kept and given back. */
const NONCE = /^[\x20-\x7e\u00a0-\uffff]{1,512}$/;
const WHOLE_SECONDS = /^\d{1,9}$/;

/**
 * What the library lets pass and we do not. Runs last of its checks, when the redirect is known to be the client's.
 *
 * @throws InvalidRequest
 */
export function checkAuthorizationRequest(ctx: KoaContextWithOIDC): void {
  const { code_challenge: challenge, nonce, max_age, plain_max_age } = ctx.oidc.params ?? {};
  const maxAge = max_age ?? plain_max_age;
  if (!S256_CHALLENGE.test(String(challenge))) throw malformed('code_challenge', 'pkce_malformed');
  if (nonce !== undefined && !NONCE.test(String(nonce))) throw malformed('nonce', 'nonce');
  if (maxAge !== undefined && !WHOLE_SECONDS.test(String(maxAge))) throw malformed('max_age', 'max_age');
}

function malformed(name: string, reason: string): Error {
  return new errors.InvalidRequest(`${name} is malformed`, 400, reason);
}
