import type { Lifetimes } from '../../config/config.ts';
import { levelOf, type TrustLevel } from '../../domain/authority/index.ts';
import { checkRedirectUri } from '../../domain/clients/index.ts';

/** Whether nobody vouches for the client: then nothing is remembered of it, and everything is said about it. */
export function isStranger(trust: TrustLevel): boolean {
  return levelOf(trust).consent === 'always';
}

/** Whether what is destructive is chosen one by one, each time anew, whatever was allowed before. */
export function confirmsDestructive(trust: TrustLevel): boolean {
  return levelOf(trust).destructive === 'confirmed';
}

/** Whether a decision about this client may be repeated without the whole consent page. */
export function mayRemember(trust: TrustLevel): boolean {
  const { consent } = levelOf(trust);
  return consent === 'remembered' || consent === 'implied';
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
  return levelOf(trust).consent === 'implied' ? requested : remembered;
}

/** How long a connection lives, in seconds. */
export interface ConnectionLifetime {
  /** Without use. */
  readonly idle: number;
  /** However much it is used, from the moment it was made. */
  readonly absolute: number;
}

/** How long a client that is trusted so far stays connected. */
export function connectionLifetime(lifetimes: Lifetimes, trust: TrustLevel): ConnectionLifetime {
  switch (trust) {
    case 'blocked':
    case 'untrusted':
      return { idle: lifetimes.untrustedRefreshIdle, absolute: lifetimes.untrustedGrant };
    case 'known':
    case 'trusted':
      return { idle: lifetimes.refreshIdle, absolute: lifetimes.grant };
    case 'first_party':
      return { idle: lifetimes.firstPartyRefreshIdle, absolute: lifetimes.firstPartyGrant };
  }
}
