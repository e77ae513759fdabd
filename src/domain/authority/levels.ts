/** The trust that a tenant puts in a client; each level is a ceiling. The lowest first. */
export const TRUST_LEVELS = ['blocked', 'untrusted', 'known', 'trusted', 'first_party'] as const;
export type TrustLevel = (typeof TRUST_LEVELS)[number];

/** What a level permits at the most, and how a person is asked. */
export interface Level {
  /** At which resources. */
  readonly resources: 'none' | 'admitting_strangers' | 'all';
  /** Scopes that are destructive: not at all; chosen one by one, each time anew; or like any other. */
  readonly destructive: 'never' | 'confirmed' | 'remembered';
  /** What a person chose before: forgotten; preselected on the page; enough for not asking again; not even asked for. */
  readonly consent: 'refused' | 'always' | 'preselected' | 'remembered' | 'implied';
}

const LEVELS: Readonly<Record<TrustLevel, Level>> = {
  blocked: { resources: 'none', destructive: 'never', consent: 'refused' },
  untrusted: { resources: 'admitting_strangers', destructive: 'never', consent: 'always' },
  known: { resources: 'all', destructive: 'confirmed', consent: 'preselected' },
  trusted: { resources: 'all', destructive: 'remembered', consent: 'remembered' },
  first_party: { resources: 'all', destructive: 'remembered', consent: 'implied' },
};

export function levelOf(trust: TrustLevel): Level {
  return LEVELS[trust];
}
