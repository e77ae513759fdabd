import type { Act } from '../history.ts';

import { END_BY, type Evidence, endersOf, mayHaveHappened, type Rule } from './evidence.ts';

/** For so long a one-time code that was used may be refused. Milliseconds. */
const CODE_SPENT = 90_000;

/** Nobody who is honest is refused without a cause that was there before the refusal was heard. */
export const refusesForCause: Rule = (evidence) =>
  evidence.acts.filter(isAgainst).flatMap((act) => {
    const why = act.answer.is === 'refused' ? act.answer.error : 'inactive';
    const causes = causesOf(evidence, act).filter(
      (cause) => cause.id !== act.id && cause.began < act.ended && mayHaveHappened(cause),
    );
    return causes.length > 0
      ? []
      : [
          {
            what: `${act.kind} of ${act.actor} was refused (${why}) without a cause`,
            acts: aboutSame(evidence, act),
          },
        ];
  });

/** Every grant that ended was ended by an act that somebody made and that gives this reason. */
export const endsForCause: Rule = (evidence) =>
  evidence.store.grants.flatMap((grant) => {
    if (grant.end === null) return [];
    const causes = endersOf(evidence, grant).filter(mayHaveHappened);
    return causes.some(({ kind }) => END_BY[kind] === grant.end)
      ? []
      : [{ what: `${grant.id} ended (${grant.end}) and nobody ended it`, acts: [] }];
  });

function isAgainst({ kind, answer, active }: Act): boolean {
  if (answer.is === 'refused') return kind !== 'enable' && kind !== 'disable' && kind !== 'remove-client';
  return kind === 'introspect' && answer.is === 'done' && active === false;
}

function causesOf(evidence: Evidence, refused: Act): readonly Act[] {
  const { kind, answer, user, client, jti } = refused;
  const clientGone = evidence.about('remove-client', 'client', client);
  if (answer.is === 'refused' && answer.error === 'invalid_client') return clientGone;
  if (answer.is === 'refused' && isForProgram(refused) && answer.error !== 'invalid_grant') return [];

  const userGone = evidence.about('disable', 'user', user);
  if (kind === 'authorize') return [...userGone, ...clientGone];
  if (kind === 'sign-in') {
    const spent = evidence.about('sign-in', 'user', user);
    return [...userGone, ...spent.filter(({ ended }) => refused.began - ended < CODE_SPENT)];
  }
  const grant = evidence.grantOf(refused);
  const enders = grant ? endersOf(evidence, grant) : [];
  return kind === 'introspect' ? [...enders, ...evidence.about('revoke-access', 'jti', jti)] : enders;
}

const isForProgram = ({ kind }: Act) =>
  ['redeem', 'refresh', 'introspect', 'revoke-refresh', 'revoke-access'].includes(kind);

/** The last acts about the same grant, for whoever looks into it. */
function aboutSame(evidence: Evidence, act: Act): readonly Act[] {
  const grant = evidence.grantOf(act)?.id;
  const same = evidence.acts.filter((other) => grant !== undefined && evidence.grantOf(other)?.id === grant);
  const until = same.filter(({ began }) => began <= act.began).slice(-8);
  return until.length > 0 ? until : [act];
}
