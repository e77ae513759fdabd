import { byKey, isDone, type Rule } from './evidence.ts';

/** A code gives tokens once. */
export const codesOnce: Rule = ({ acts }) =>
  [
    ...byKey(
      acts.filter((act) => act.kind === 'redeem' && isDone(act)),
      ({ code }) => code,
    ),
  ]
    .filter(([, redemptions]) => redemptions.length > 1)
    .map(([, redemptions]) => ({ what: 'a code gave tokens more than once', acts: redemptions }));

/** A refresh token has one successor, however often it is asked for. */
export const oneSuccessor: Rule = ({ acts }) =>
  [
    ...byKey(
      acts.filter((act) => act.kind === 'refresh' && isDone(act)),
      ({ token }) => token,
    ),
  ]
    .filter(([, refreshes]) => new Set(refreshes.map(({ successor }) => successor)).size > 1)
    .map(([, refreshes]) => ({ what: 'a refresh token has two successors', acts: refreshes }));

/** What was handed out is in the store. */
export const nothingHandedOutIsLost: Rule = (evidence) => {
  const { acts, store } = evidence;
  const tokens = new Map(store.tokens.map((token) => [token.token, token]));
  const codes = new Map(store.codes.map((code) => [code.code, code]));
  return acts.filter(isDone).flatMap((act) => {
    if (act.successor !== undefined && tokens.get(act.successor)?.grant !== evidence.grantOf(act)?.id) {
      return [{ what: `${act.kind} gave a refresh token that the store does not have`, acts: [act] }];
    }
    if (act.kind === 'redeem' && act.code !== undefined && codes.get(act.code)?.used === false) {
      return [{ what: 'a code that gave tokens is unused', acts: [act] }];
    }
    if (act.kind === 'authorize' && act.code !== undefined && !codes.has(act.code)) {
      return [{ what: 'a code was given that the store does not have', acts: [act] }];
    }
    return [];
  });
};

/** A family is one line from generation 0 to one living leaf. */
export const oneLeaf: Rule = ({ store }) =>
  [...byKey(store.tokens, ({ grant }) => grant)].flatMap(([grant, tokens]) => {
    const generations = tokens.map(({ generation }) => generation).sort((a, b) => a - b);
    if (generations.some((generation, index) => generation !== index)) {
      return [{ what: `the generations of ${grant} are ${generations.join(', ')}`, acts: [] }];
    }
    const leaves = tokens.filter(({ used }) => !used);
    return leaves.length === 1 && leaves[0]?.generation === generations.length - 1
      ? []
      : [{ what: `${grant} has ${leaves.length} unused refresh tokens`, acts: [] }];
  });
