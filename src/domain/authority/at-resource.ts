import { type AuthorityFacts, effectiveAuthority } from './effective.ts';

/** The facts of a resource that a decision needs. */
interface ResourceOffer {
  readonly scopes: readonly { readonly scope: string; readonly destructive: boolean }[];
  readonly admitsStrangers: boolean;
}

/** Returns what a resource brings into a decision about authority. */
export function authorityAt({
  scopes,
  admitsStrangers,
}: ResourceOffer): Pick<AuthorityFacts, 'offered' | 'destructive' | 'admitsStrangers'> {
  return {
    offered: scopes.map(({ scope }) => scope),
    destructive: new Set(scopes.filter(({ destructive }) => destructive).map(({ scope }) => scope)),
    admitsStrangers,
  };
}

/**
 * Returns the scopes beyond `present` that the user may add ("You can also allow"), in the order of the resource:
 * effective authority of everything else that the resource offers. Used at consent and for a connection that exists.
 */
export function scopesBeyond(
  present: readonly string[],
  facts: Omit<AuthorityFacts, 'requested' | 'consent'>,
): readonly string[] {
  const requested = facts.offered.filter((scope) => !present.includes(scope));
  return effectiveAuthority({ ...facts, requested, consent: { state: 'being_asked' } }).scopes;
}
