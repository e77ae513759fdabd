import type { AuthorityFacts, TrustLevel } from '../domain/authority/index.ts';
import type { Resource } from '../domain/resources/index.ts';

/** What a resource brings into a decision about authority. */
export function authorityAt({ scopes }: Resource): Pick<AuthorityFacts, 'offered' | 'destructive'> {
  return {
    offered: scopes.map(({ scope }) => scope),
    destructive: new Set(scopes.filter(({ destructive }) => destructive).map(({ scope }) => scope)),
  };
}

/** Whether a decision of this client's may be repeated without the whole consent page. */
export function mayRemember(trust: TrustLevel): boolean {
  return trust === 'trusted' || trust === 'first_party';
}
