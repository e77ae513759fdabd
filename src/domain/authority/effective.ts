/** The trust that an installation puts in a client; each level is a ceiling. */
export type TrustLevel = 'blocked' | 'untrusted' | 'known' | 'trusted' | 'first_party';

/** Why a scope that was asked for is not in the result. */
export type DropReason =
  | 'not_offered_by_resource'
  | 'not_permitted_by_role'
  | 'above_client_trust'
  | 'not_consented';

/** Everything that bears on one decision. The same facts give the same answer on any machine. */
export interface AuthorityFacts {
  /** Scope tokens asked for, in order. */
  readonly requested: readonly string[];
  /** What the resource offers. */
  readonly offered: readonly string[];
  /** Those of them that the resource calls destructive. */
  readonly destructive: ReadonlySet<string>;
  /** What the user's roles permit at this resource; `'all'` for a role without limits. */
  readonly permitted: 'all' | ReadonlySet<string>;
  readonly trust: TrustLevel;
  /** What the user consented to in this grant; `undefined` while consent is being asked. */
  readonly consented: readonly string[] | undefined;
}

export interface EffectiveAuthority {
  /** Scope tokens that remain, in the order of the request, each once. */
  readonly scopes: readonly string[];
  readonly dropped: readonly { readonly scope: string; readonly reason: DropReason }[];
}

/**
 * What may this chain of identities do? The intersection of everything that has a say.
 *
 * Pure on purpose, and the only place that decides it: it runs when consent is shown and at every
 * token issued. Nothing here can add a scope; each step only takes away, and says why.
 */
export function effectiveAuthority(facts: AuthorityFacts): EffectiveAuthority {
  const offered = new Set(facts.offered);
  const consented = facts.consented && new Set(facts.consented);
  const scopes: string[] = [];
  const dropped: { scope: string; reason: DropReason }[] = [];

  for (const scope of new Set(facts.requested)) {
    const reason = whyNot(scope, { ...facts, offered, consented });
    if (reason) dropped.push({ scope, reason });
    else scopes.push(scope);
  }
  return { scopes, dropped };
}

function whyNot(
  scope: string,
  facts: {
    readonly offered: ReadonlySet<string>;
    readonly destructive: ReadonlySet<string>;
    readonly permitted: 'all' | ReadonlySet<string>;
    readonly trust: TrustLevel;
    readonly consented: ReadonlySet<string> | undefined;
  },
): DropReason | undefined {
  if (!facts.offered.has(scope)) return 'not_offered_by_resource';
  if (facts.permitted !== 'all' && !facts.permitted.has(scope)) return 'not_permitted_by_role';
  if (facts.trust === 'blocked') return 'above_client_trust';
  if (facts.trust === 'untrusted' && facts.destructive.has(scope)) return 'above_client_trust';
  if (facts.consented && !facts.consented.has(scope)) return 'not_consented';
  return undefined;
}
