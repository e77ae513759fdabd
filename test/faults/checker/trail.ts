import type { Act, Kind } from '../history.ts';
import type { StoredRecord } from '../store.ts';

import { byKey, END_BY, isDone, type Rule } from './evidence.ts';

/** The records that one acknowledged request leaves: one of them, once. */
const RECORD_OF: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  redeem: ['token.issued'],
  refresh: ['refresh.rotated', 'refresh.replayed'],
};
/** Of an intention that was tried until it was acknowledged, which may have happened at any of the tries. */
const RECORD_OF_SERIES: Readonly<Partial<Record<Kind, string>>> = {
  disable: 'user.disabled',
  enable: 'user.enabled',
  'remove-client': 'client.removed',
};

/** No two records share an id. */
export const idsOnce: Rule = ({ store }) =>
  [...byKey(store.records, ({ id }) => id)]
    .filter(([, records]) => records.length > 1)
    .map(([id]) => ({ what: `two records are called ${id}`, acts: [] }));

/** Every acknowledged action has exactly one record. */
export const oneRecordEach: Rule = ({ acts, store }) => {
  const records = byKey(store.records, ({ request }) => request);
  const counted = (requests: readonly (string | undefined)[], events: readonly string[]) =>
    requests
      .flatMap((request) => records.get(request ?? '') ?? [])
      .filter(({ event }) => events.includes(event)).length;

  const single = acts.filter(isDone).flatMap((act) => {
    const events = RECORD_OF[act.kind];
    return events ? wrong([act], counted([act.request], events), events.join(' or ')) : [];
  });
  const series = [
    ...byKey(acts, ({ series, kind }) => (RECORD_OF_SERIES[kind] ? `${series}` : undefined)),
  ].flatMap(([, tries]) => {
    const event = RECORD_OF_SERIES[tries[0]?.kind ?? 'redeem'];
    if (event === undefined || !tries.some(isDone)) return [];
    return wrong(
      tries,
      counted(
        tries.map(({ request }) => request),
        [event],
      ),
      event,
    );
  });
  return [...single, ...series];
};

/** What the store holds and what the trail says are the same, acknowledged or not. */
export const trailIsTrue: Rule = ({ store }) => {
  const byGrant = byKey(store.records, ({ grant }) => grant ?? undefined);
  const counted = (grant: string, ...events: readonly string[]) =>
    (byGrant.get(grant) ?? []).filter((record: StoredRecord) => events.includes(record.event)).length;
  const tokens = byKey(store.tokens, ({ grant }) => grant);

  const grants = store.grants.flatMap(({ id, activated, end }) => {
    const rotations = Math.max(0, (tokens.get(id)?.length ?? 0) - 1);
    const expected = [
      ['grant.issued', 1, counted(id, 'grant.issued')],
      ['token.issued', activated ? 1 : 0, counted(id, 'token.issued')],
      ['refresh.rotated', rotations, counted(id, 'refresh.rotated')],
      ['grant.revoked', Object.values(END_BY).includes(end ?? '') ? 1 : 0, counted(id, 'grant.revoked')],
    ] as const;
    return expected
      .filter(([, should, is]) => should !== is)
      .map(([event, should, is]) => ({
        what: `${id} has ${is} records of ${event} and not ${should}`,
        acts: [],
      }));
  });
  const revoked = store.records.filter(({ event }) => event === 'token.revoked').length;
  return revoked === store.revokedTokens.length
    ? grants
    : [
        ...grants,
        {
          what: `${store.revokedTokens.length} access tokens were revoked, and ${revoked} recorded`,
          acts: [],
        },
      ];
};

const wrong = (acts: readonly Act[], count: number, event: string) =>
  count === 1
    ? []
    : [{ what: `${acts[0]?.kind} was acknowledged and left ${count} records of ${event}`, acts }];
