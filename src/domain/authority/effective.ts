import { levelOf, type TrustLevel } from './levels.ts';

/** Why a scope that was asked for is not in the result. */
export type DropReason =
  | 'not_offered_by_resource'
  | 'not_permitted_by_role'
  | 'client_blocked'
  | 'strangers_not_admitted'
  | 'above_client_trust'
  | 'not_consented';

/** What the user consented to. Each decision says which it stands on: there is no absent consent that permits all. */
export type Consent =
  /** The user is being asked: no scope is refused for want of consent. Never at issuance. */
  | { readonly state: 'being_asked' }
  /** The user consented to these scopes. */
  | { readonly state: 'given'; readonly scopes: readonly string[] };

/** Everything that bears on one decision. The same facts give the same answer on any machine. */
export interface AuthorityFacts {
  /** Scope tokens asked for, in order. */
  readonly requested: readonly string[];
  /** What the resource offers. */
  readonly offered: readonly string[];
  /** Those of them that the resource calls destructive. */
  readonly destructive: ReadonlySet<string>;
  /** Whether the resource lets in clients that nobody vouches for. */
  readonly admitsStrangers: boolean;
  /** What the user's roles permit at this resource; `'all'` for a role without limits. */
  readonly permitted: 'all' | ReadonlySet<string>;
  /** How far the tenant trusts the client. */
  readonly trust: TrustLevel;
  readonly consent: Consent;
}

export interface EffectiveAuthority {
  /** Scope tokens that remain, in the order of the request, each once. */
  readonly scopes: readonly string[];
  readonly dropped: readonly { readonly scope: string; readonly reason: DropReason }[];
}

/** What one party has against a scope, if anything. */
type Objection = (scope: string) => DropReason | undefined;

/**
 * What may this chain of identities do? The intersection of everything that has a say.
 *
 * Pure on purpose, and the only place that decides it: it runs when consent is shown and at every
 * token issued. Each party objects for itself, so nobody can add a scope, and a further party (an
 * agent, a tenant's policy) is a further objection. The first that objects is the reason.
 */
export function effectiveAuthority(facts: AuthorityFacts): EffectiveAuthority {
  const parties = [ofResource(facts), ofRoles(facts), ofTrust(facts), ofConsent(facts)];
  const scopes: string[] = [];
  const dropped: { scope: string; reason: DropReason }[] = [];

  for (const scope of new Set(facts.requested)) {
    const reason = firstObjection(parties, scope);
    if (reason) dropped.push({ scope, reason });
    else scopes.push(scope);
  }
  return { scopes, dropped };
}

function firstObjection(parties: readonly Objection[], scope: string): DropReason | undefined {
  for (const objection of parties) {
    const reason = objection(scope);
    if (reason) return reason;
  }
  return undefined;
}

function ofResource({ offered }: AuthorityFacts): Objection {
  const known = new Set(offered);
  return (scope) => (known.has(scope) ? undefined : 'not_offered_by_resource');
}

function ofRoles({ permitted }: AuthorityFacts): Objection {
  return (scope) => (permitted === 'all' || permitted.has(scope) ? undefined : 'not_permitted_by_role');
}

function ofTrust({ trust, destructive, admitsStrangers }: AuthorityFacts): Objection {
  const level = levelOf(trust);
  if (level.resources === 'none') return () => 'client_blocked';
  if (level.resources === 'admitting_strangers' && !admitsStrangers) return () => 'strangers_not_admitted';
  return (scope) =>
    level.destructive === 'never' && destructive.has(scope) ? 'above_client_trust' : undefined;
}

function ofConsent({ consent }: AuthorityFacts): Objection {
  if (consent.state === 'being_asked') return () => undefined;
  const allowed = new Set(consent.scopes);
  return (scope) => (allowed.has(scope) ? undefined : 'not_consented');
}
