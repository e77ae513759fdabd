/** scope-token, RFC 6749 §3.3. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Scopes with a meaning of their own (OpenID Connect Core §3.1.2.1 and §11), which no resource can offer. */
const RESERVED = new Set(['openid', 'offline_access']);

const MAX_LENGTH = 128;

/** Why a resource cannot offer this scope, or `undefined` when it can. */
export function refuseScopeToken(scope: string): string | undefined {
  if (RESERVED.has(scope))
    return `the scope ${scope} belongs to the authorization server; choose another name`;
  if (scope.length > MAX_LENGTH) return `a scope has at most ${MAX_LENGTH} characters`;
  if (!SCOPE_TOKEN.test(scope)) {
    return `"${scope}" cannot be a scope: visible ASCII without space, quotation mark and backslash (RFC 6749 §3.3)`;
  }
  return undefined;
}
