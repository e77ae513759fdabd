import type { Act, Kind } from '../history.ts';
import type { Store, StoredGrant } from '../store.ts';

/** What was seen from outside, and what the store holds in the end. */
export interface Evidence {
  readonly acts: readonly Act[];
  readonly store: Store;
  /** The acts of these kinds by what they are about. */
  about(kind: Kind, fact: 'user' | 'client' | 'grant' | 'jti', value: string | undefined): readonly Act[];
  /** The grant that an act is about: as its actor knows it, or by the code. */
  grantOf(act: Act): StoredGrant | undefined;
  /** The act that brought the code of a grant into its client's hands, if it was heard of. */
  birthOf(grant: StoredGrant): Act | undefined;
  /** When an act has happened or never will: at the end of the try that was acknowledged, since tries wait for each other. */
  settledAt(act: Act): number;
}

/** A promise that was broken, in words, with the acts that show it. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
  readonly acts: readonly Act[];
}

/** One promise, held against the evidence. */
export type Rule = (evidence: Evidence) => readonly Omit<Violation, 'rule'>[];

/** Why the store says that a grant ended, by the act that does it. */
export const END_BY: Readonly<Partial<Record<Kind, string>>> = {
  'revoke-refresh': 'revoked_by_client',
  'end-connection': 'ended_by_user',
  disable: 'user_disabled',
  'remove-client': 'client_removed',
};

/** Prepares the evidence: a long run has a hundred thousand acts. */
export function evidenceOf(acts: readonly Act[], store: Store): Evidence {
  const grants = new Map(store.grants.map((grant) => [grant.id, grant]));
  const grantByCode = new Map(store.codes.map(({ code, grant }) => [code, grant]));
  const codeByGrant = new Map(store.codes.map(({ code, grant }) => [grant, code]));
  const authorizations = new Map(
    acts.filter((act) => act.kind === 'authorize' && isDone(act)).map((act) => [act.code, act]),
  );
  const facts = ['user', 'client', 'grant', 'jti'] as const;
  const index = byKey(
    acts.flatMap((act) => facts.map((fact) => ({ act, key: `${act.kind} ${fact} ${act[fact]}` }))),
    ({ key }) => key,
  );
  const settled = new Map(acts.filter(isDone).map(({ series, ended }) => [series, ended]));
  return {
    acts,
    store,
    settledAt: ({ series }) => settled.get(series) ?? Number.POSITIVE_INFINITY,
    about: (kind, fact, value) =>
      value === undefined ? [] : (index.get(`${kind} ${fact} ${value}`) ?? []).map(({ act }) => act),
    grantOf: (act) => grants.get(act.grant ?? grantByCode.get(act.code ?? '') ?? ''),
    birthOf: (grant) => authorizations.get(codeByGrant.get(grant.id)),
  };
}

/** Whether an act may have happened, whatever was heard of it. */
export const mayHaveHappened = ({ answer }: Act) => answer.is !== 'refused';

export const isDone = ({ answer }: Act) => answer.is === 'done';

/** Whether the act let somebody in: tokens, a code, a session, or the word that a token is good. */
export function isAccepted(act: Act): boolean {
  if (!isDone(act)) return false;
  if (act.kind === 'introspect') return act.active === true;
  return ['sign-in', 'authorize', 'redeem', 'refresh'].includes(act.kind);
}

/** The acts that end a grant, if they happen. What a person was before the authorization is forgotten by it. */
export function endersOf(evidence: Evidence, grant: StoredGrant): readonly Act[] {
  const birth = evidence.birthOf(grant)?.began ?? 0;
  return [
    ...evidence.about('revoke-refresh', 'grant', grant.id),
    ...evidence.about('end-connection', 'grant', grant.id),
    ...evidence.about('disable', 'user', grant.user).filter((act) => evidence.settledAt(act) > birth),
    ...evidence.about('remove-client', 'client', grant.client),
  ];
}

/**
 * The acknowledged acts after which a grant is dead for certain. Disabling a person says nothing of a grant
 * that was not in anybody's hands when it began.
 */
export function certainEndersOf(evidence: Evidence, grant: StoredGrant): readonly Act[] {
  const birth = evidence.birthOf(grant);
  return endersOf(evidence, grant).filter(
    (act) => isDone(act) && (act.kind !== 'disable' || (birth !== undefined && birth.ended < act.began)),
  );
}

/** Groups by a key; what has none stays out. */
export function byKey<T>(
  list: readonly T[],
  keyOf: (item: T) => string | undefined,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
