import { isDone, type Rule } from './evidence.ts';

/** Failures are 503 with `Retry-After` in the caller's own form, or a connection that broke; nothing else. */
export const failsInForm: Rule = ({ acts }) =>
  acts.flatMap((act) =>
    act.answer.is === 'malformed'
      ? [{ what: `${act.kind} was answered ${act.answer.what}`, acts: [act] }]
      : [],
  );

/** When everything is well again, every client goes on with what it holds: its last refresh was answered. */
export const everybodyGoesOn: Rule = ({ acts }) => {
  const last = new Map(acts.filter(({ kind }) => kind === 'refresh').map((act) => [act.actor, act]));
  return [...last.values()]
    .filter((act) => !isDone(act) && act.answer.is !== 'refused')
    .map((act) => ({ what: `${act.actor} cannot go on`, acts: [act] }));
};
