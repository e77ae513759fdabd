import type { VerifiedToken } from './token.ts';

/** Which narrower scopes a broad scope implies: `{ 'files:admin': ['files:read', 'files:write'] }`. */
export type ScopeHierarchy = Readonly<Record<string, readonly string[]>>;

/** Whether a token may do something, and if not, what to ask for. */
export type ScopeDecision =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      readonly missing: readonly string[];
      /** The token's own scopes and the missing ones, for the challenge. */
      readonly challenge: readonly string[];
    };

type Scoped = Pick<VerifiedToken, 'scopes'>;

/**
 * Decides whether a token carries all of the needed scopes, a broad one standing for the narrow ones
 * that it implies.
 *
 * The challenge names the union of what the token has and what it lacks: a client that asks for no
 * more than the challenge names would otherwise trade its old scopes for the new one. It never
 * names `offline_access`, which is no matter of a resource.
 */
export function requireScopes(
  token: Scoped,
  needed: readonly string[],
  hierarchy: ScopeHierarchy = {},
): ScopeDecision {
  const held = closure(token.scopes, hierarchy);
  const missing = needed.filter((scope) => !held.has(scope));
  if (missing.length === 0) return { allowed: true };
  const union = new Set([...token.scopes, ...needed]);
  union.delete('offline_access');
  return { allowed: false, missing, challenge: [...union] };
}

/** The scopes and everything that they imply, through any number of steps. */
function closure(scopes: readonly string[], hierarchy: ScopeHierarchy): ReadonlySet<string> {
  const held = new Set(scopes);
  for (const scope of held) {
    if (!Object.hasOwn(hierarchy, scope)) continue;
    for (const implied of hierarchy[scope] ?? []) held.add(implied);
  }
  return held;
}

/** Whether a string is a scope-token (RFC 6749 §3.3). */
export function isScopeToken(scope: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope);
}
