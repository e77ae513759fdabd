import type { TrustLevel } from '../authority/index.ts';
import { checkRedirectUri } from '../clients/index.ts';

/**
 * What vouches for who a client is.
 *
 * - `verified`: an administrator named exactly this client, and its redirect or its document's address proves it;
 * - `approved`: an administrator named it, but any program on the user's device can use its id;
 * - `registration_token`: it registered itself with an administrator's token, under a name that it chose;
 * - `unverified`: nothing.
 */
export type ClientIdentity = 'verified' | 'approved' | 'registration_token' | 'unverified';

export interface IdentityFacts {
  readonly registration: string;
  /** At the tenant in question, admission included. */
  readonly trust: TrustLevel;
  /** Whether an administrator said how far exactly this client is trusted, and its identity is still the same. */
  readonly trustGiven: boolean;
  /** The redirect of the request or grant; all of the client where neither is in question. */
  readonly redirectUris: readonly string[];
}

/**
 * Returns what vouches for the identity of a client. Trust in the channel by which a client registered is not trust
 * in its name. Pure, and the only place that decides it: pages and the command line read it here.
 */
export function clientIdentity({
  registration,
  trust,
  trustGiven,
  redirectUris,
}: IdentityFacts): ClientIdentity {
  if (trust === 'blocked' || trust === 'untrusted') return 'unverified';
  // Above `untrusted` only a rule that names the document puts it.
  if (registration === 'document') return 'verified';
  if (registration !== 'preregistered' && !trustGiven) return 'registration_token';
  return redirectUris.length > 0 && redirectUris.every(isWebsite) ? 'verified' : 'approved';
}

function isWebsite(redirectUri: string): boolean {
  const checked = checkRedirectUri(redirectUri);
  return checked.ok && checked.kind === 'https';
}
