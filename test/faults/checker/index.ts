/**
 * What must be true of an installation after whatever happened to it, as pure functions of what was seen from
 * outside (the history) and what the store holds in the end.
 *
 * Time is the history's own clock: of two acts that overlap, either may have come first.
 */

import type { Act } from '../history.ts';
import type { Store } from '../store.ts';

import { everybodyGoesOn, failsInForm } from './answers.ts';
import { evidenceOf, type Rule, type Violation } from './evidence.ts';
import { codesOnce, nothingHandedOutIsLost, oneLeaf, oneSuccessor } from './families.ts';
import { endsForCause, refusesForCause } from './refusals.ts';
import { endsEndure, nobodyWhileDisabled, nothingAfterItsEnd } from './revocations.ts';
import { idsOnce, oneRecordEach, trailIsTrue } from './trail.ts';

export type { Violation } from './evidence.ts';

const RULES: Readonly<Record<string, Rule>> = {
  failsInForm,
  everybodyGoesOn,
  refusesForCause,
  endsForCause,
  nothingAfterItsEnd,
  nobodyWhileDisabled,
  endsEndure,
  codesOnce,
  oneSuccessor,
  nothingHandedOutIsLost,
  oneLeaf,
  idsOnce,
  oneRecordEach,
  trailIsTrue,
};

/** Every promise that was broken. */
export function check(acts: readonly Act[], store: Store): readonly Violation[] {
  const evidence = evidenceOf(acts, store);
  return Object.entries(RULES).flatMap(([name, rule]) =>
    rule(evidence).map((violation) => ({ rule: name, ...violation })),
  );
}
