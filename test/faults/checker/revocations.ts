import { certainEndersOf, endersOf, isAccepted, isDone, mayHaveHappened, type Rule } from './evidence.ts';

/** What was asked after a revocation had been acknowledged sees it. What was under way meanwhile may not. */
export const nothingAfterItsEnd: Rule = (evidence) =>
  evidence.acts.filter(isAccepted).flatMap((act) => {
    const grant = evidence.grantOf(act);
    const ends = [
      ...(grant ? certainEndersOf(evidence, grant) : []),
      ...evidence.about('revoke-access', 'jti', act.jti).filter(isDone),
      ...evidence.about('remove-client', 'client', act.client).filter(isDone),
    ];
    const overlooked = ends.find((end) => end.ended < act.began);
    return overlooked === undefined
      ? []
      : [
          {
            what: `${act.kind} was accepted after ${overlooked.kind} was acknowledged`,
            acts: [overlooked, act],
          },
        ];
  });

/** From the acknowledged disabling of a person to the first attempt to enable them nobody comes in as them. */
export const nobodyWhileDisabled: Rule = ({ acts, about }) =>
  acts
    .filter((act) => act.kind === 'disable' && isDone(act))
    .flatMap((disabled) => {
      const enabled = about('enable', 'user', disabled.user)
        .filter((act) => mayHaveHappened(act) && act.ended > disabled.began)
        .reduce((first, { began }) => Math.min(first, began), Number.POSITIVE_INFINITY);
      return [...about('sign-in', 'user', disabled.user), ...about('authorize', 'user', disabled.user)]
        .filter(isAccepted)
        .filter((act) => act.began > disabled.ended && act.ended < enabled)
        .map((act) => ({ what: `${act.kind} was accepted for a disabled person`, acts: [disabled, act] }));
    });

/** An acknowledged end is in the store, whatever was killed afterwards. */
export const endsEndure: Rule = (evidence) => {
  const { acts, store } = evidence;
  const forgotten = store.grants
    .filter((grant) => grant.end === null)
    .flatMap((grant) => {
      const ends = certainEndersOf(evidence, grant);
      return ends.length > 0 ? [{ what: `the end of ${grant.id} was forgotten`, acts: ends }] : [];
    });
  const revoked = new Set(store.revokedTokens);
  const lost = acts
    .filter(
      (act) => act.kind === 'revoke-access' && isDone(act) && act.jti !== undefined && !revoked.has(act.jti),
    )
    .filter((act) => {
      const grant = evidence.grantOf(act);
      // Of a grant that ended there is nothing left to revoke.
      return grant === undefined || endersOf(evidence, grant).length === 0;
    })
    .map((act) => ({ what: 'the revocation of an access token was forgotten', acts: [act] }));
  return [...forgotten, ...lost];
};
