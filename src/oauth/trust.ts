import type { AuthorityFacts, TrustLevel } from '../domain/authority/index.ts';
import { checkRedirectUri } from '../domain/clients/index.ts';
import type { Resource } from '../domain/resources/index.ts';

/** What a resource brings into a decision about authority. */
export function authorityAt({ scopes }: Resource): Pick<AuthorityFacts, 'offered' | 'destructive'> {
  return {
    offered: scopes.map(({ scope }) => scope),
    destructive: new Set(scopes.filter(({ destructive }) => destructive).map(({ scope }) => scope)),
  };
}

/** Whether a decision about this client may be repeated without the whole consent page. */
export function mayRemember(trust: TrustLevel): boolean {
  return trust === 'trusted' || trust === 'first_party';
}

/**
 * Whether it may be repeated without any page: never where another program on the same machine could
 * take the client's place (RFC 8252 §8.6), and not when the client asks for the page itself.
 */
export function maySkipPage(request: {
  readonly trust: TrustLevel;
  readonly redirectUri: string;
  readonly prompts: ReadonlySet<string>;
}): boolean {
  const checked = checkRedirectUri(request.redirectUri);
  const web = checked.ok && checked.kind === 'https';
  return mayRemember(request.trust) && web && !request.prompts.has('consent');
}

/** What is taken for allowed when no page is shown: for a client of our own everything, else what is remembered. */
export function allowedBefore(
  trust: TrustLevel,
  requested: readonly string[],
  remembered: readonly string[],
): readonly string[] {
  return trust === 'first_party' ? requested : remembered;
}
