import { describe, expect, it } from 'vitest';

import type { Act, Kind } from '../history.ts';
import type { Store } from '../store.ts';

import { check } from './index.ts';

/** A history in which everything went well, told in order. Times are tens of milliseconds. */
const GOOD: readonly Act[] = [
  act(1, 'sign-in', { user: 'ada' }),
  act(2, 'authorize', { user: 'ada', client: 'app', code: 'c1' }),
  act(3, 'redeem', { user: 'ada', client: 'app', code: 'c1', grant: 'g1', successor: 't0', request: 'r3' }),
  act(4, 'refresh', { user: 'ada', client: 'app', grant: 'g1', token: 't0', answer: { is: 'absent' } }),
  act(5, 'refresh', { user: 'ada', client: 'app', grant: 'g1', token: 't0', successor: 't1', request: 'r5' }),
  act(6, 'introspect', { user: 'ada', client: 'app', grant: 'g1', jti: 'j1', active: true }),
  act(7, 'revoke-access', { user: 'ada', client: 'app', grant: 'g1', jti: 'j1' }),
  act(8, 'introspect', { user: 'ada', client: 'app', grant: 'g1', jti: 'j1', active: false }),
  act(9, 'revoke-refresh', { user: 'ada', client: 'app', grant: 'g1', answer: { is: 'unavailable' } }),
  act(10, 'revoke-refresh', { user: 'ada', client: 'app', grant: 'g1' }),
  act(11, 'refresh', {
    user: 'ada',
    client: 'app',
    grant: 'g1',
    token: 't1',
    answer: invalid('invalid_grant'),
  }),
  act(12, 'authorize', { user: 'ada', client: 'app', code: 'c2' }),
  act(13, 'redeem', { user: 'ada', client: 'app', code: 'c2', grant: 'g2', successor: 'u0', request: 'r13' }),
  act(14, 'disable', {
    actor: 'root',
    user: 'ada',
    request: 'r14',
    answer: { is: 'unavailable' },
    series: 14,
  }),
  act(15, 'disable', { actor: 'root', user: 'ada', request: 'r15', series: 14 }),
  act(16, 'sign-in', { user: 'ada', answer: invalid('not_found') }),
  act(17, 'enable', { actor: 'root', user: 'ada', request: 'r17' }),
  act(18, 'sign-in', { user: 'ada' }),
  act(19, 'authorize', { user: 'ada', client: 'app', code: 'c3' }),
  act(20, 'redeem', { user: 'ada', client: 'app', code: 'c3', grant: 'g3', successor: 'v0', request: 'r20' }),
  act(21, 'refresh', {
    user: 'ada',
    client: 'app',
    grant: 'g3',
    token: 'v0',
    successor: 'v1',
    request: 'r21',
  }),
];

const STORE: Store = {
  grants: [
    { id: 'g1', user: 'ada', client: 'app', activated: true, end: 'revoked_by_client' },
    { id: 'g2', user: 'ada', client: 'app', activated: true, end: 'user_disabled' },
    { id: 'g3', user: 'ada', client: 'app', activated: true, end: null },
  ],
  codes: [
    { code: 'c1', grant: 'g1', used: true },
    { code: 'c2', grant: 'g2', used: true },
    { code: 'c3', grant: 'g3', used: true },
  ],
  tokens: [
    { token: 't0', grant: 'g1', generation: 0, used: true },
    { token: 't1', grant: 'g1', generation: 1, used: false },
    { token: 'u0', grant: 'g2', generation: 0, used: false },
    { token: 'v0', grant: 'g3', generation: 0, used: true },
    { token: 'v1', grant: 'g3', generation: 1, used: false },
  ],
  revokedTokens: ['j1'],
  records: [
    ...['g1', 'g2', 'g3'].map((grant) => record(`i${grant}`, 'grant.issued', { grant })),
    record('a3', 'token.issued', { grant: 'g1', request: 'r3' }),
    record('a4', 'refresh.rotated', { grant: 'g1', request: 'r4' }),
    record('a5', 'refresh.replayed', { grant: 'g1', request: 'r5' }),
    record('a7', 'token.revoked', { grant: 'g1' }),
    record('a10', 'grant.revoked', { grant: 'g1' }),
    record('a13', 'token.issued', { grant: 'g2', request: 'r13' }),
    record('a14', 'user.disabled', { subject: 'ada', request: 'r14' }),
    record('a15', 'grant.revoked', { grant: 'g2' }),
    record('a17', 'user.enabled', { subject: 'ada', request: 'r17' }),
    record('a20', 'token.issued', { grant: 'g3', request: 'r20' }),
    record('a21', 'refresh.rotated', { grant: 'g3', request: 'r21' }),
  ],
};

const rulesBroken = (acts: readonly Act[], store: Store) => [
  ...new Set(check(acts, store).map(({ rule }) => rule)),
];
/** The good history with one act told differently, or without it. */
const told = (id: number, change: Partial<Act>) =>
  GOOD.map((each) => (each.id === id ? { ...each, ...change } : each));
const stored = (change: Partial<Store>) => ({ ...STORE, ...change });

it('finds nothing in a history in which everything went well', () => {
  expect(check(GOOD, STORE)).toEqual([]);
});

describe('what was seen from outside', () => {
  it.each<[string, string, readonly Act[]]>([
    [
      'an answer that is neither a success, a refusal nor 503',
      'failsInForm',
      told(4, { answer: { is: 'malformed', what: '500' } }),
    ],
    [
      'a client that is answered 503 for ever',
      'everybodyGoesOn',
      told(21, { answer: { is: 'unavailable' } }),
    ],
    ['a client that is not answered any more', 'everybodyGoesOn', told(21, { answer: { is: 'absent' } })],
    [
      'a refresh that is refused while its grant lives',
      'refusesForCause',
      told(21, { answer: invalid('invalid_grant') }),
    ],
    ['a refusal before the act that explains it', 'refusesForCause', told(11, { began: 85, ended: 88 })],
    [
      'another error than the one that fits',
      'refusesForCause',
      told(11, { answer: invalid('invalid_scope') }),
    ],
    [
      'a client that is called unknown and was not removed',
      'refusesForCause',
      told(11, { answer: invalid('invalid_client') }),
    ],
    [
      'a code that is refused after it was answered 503',
      'refusesForCause',
      [
        ...told(20, { answer: { is: 'unavailable' } }),
        act(22, 'redeem', { user: 'ada', client: 'app', code: 'c3', answer: invalid('invalid_grant') }),
      ],
    ],
    ['a token that is called inactive while it lives', 'refusesForCause', told(6, { active: false })],
    [
      'a sign-in that is refused without a cause',
      'refusesForCause',
      told(1, { answer: invalid('401 /sign-in') }),
    ],
    [
      'a refresh after its grant was revoked',
      'nothingAfterItsEnd',
      told(11, { answer: { is: 'done' }, successor: 't2', request: 'r5' }),
    ],
    ['a token that is active after it was revoked', 'nothingAfterItsEnd', told(8, { active: true })],
    [
      'a grant that outlives its person',
      'nothingAfterItsEnd',
      [...GOOD, act(22, 'introspect', { user: 'ada', grant: 'g2', active: true })],
    ],
    [
      'a client that goes on after it was removed',
      'nothingAfterItsEnd',
      [act(0, 'remove-client', { client: 'app', request: 'r0' }), ...GOOD],
    ],
    ['a disabled person who signs in', 'nobodyWhileDisabled', told(16, { answer: { is: 'done' } })],
    [
      'a code that gives tokens twice',
      'codesOnce',
      [...GOOD, act(22, 'redeem', { code: 'c3', grant: 'g3', successor: 'v0', request: 'r20' })],
    ],
    [
      'a refresh token with two successors',
      'oneSuccessor',
      [
        ...GOOD,
        act(22, 'refresh', { actor: 'program', grant: 'g3', token: 'v0', successor: 'v9', request: 'r21' }),
      ],
    ],
    ['a refresh token that was given and lost', 'nothingHandedOutIsLost', told(21, { successor: 'v9' })],
    ['a code that was given and lost', 'nothingHandedOutIsLost', told(19, { code: 'c9' })],
    ['an action without its record', 'oneRecordEach', told(21, { request: 'r99' })],
    ['a disabling that nobody recorded', 'oneRecordEach', told(14, { request: 'r99' })],
  ])('catches %s', (_what, rule, acts) => {
    expect(rulesBroken(acts, STORE)).toContain(rule);
  });
});

describe('what the store holds', () => {
  const ended = (id: string, end: string | null) =>
    STORE.grants.map((grant) => (grant.id === id ? { ...grant, end } : grant));
  it.each<[string, string, Store]>([
    ['a grant that nobody ended', 'endsForCause', stored({ grants: ended('g3', 'refresh_reused') })],
    [
      'a grant that ended for another reason',
      'endsForCause',
      stored({ grants: ended('g2', 'client_removed') }),
    ],
    ['a revocation that was forgotten', 'endsEndure', stored({ grants: ended('g1', null) })],
    ['a disabling that left a grant', 'endsEndure', stored({ grants: ended('g2', null) })],
    [
      'a code that was redeemed and is unused',
      'nothingHandedOutIsLost',
      stored({ codes: STORE.codes.map((code) => ({ ...code, used: false })) }),
    ],
    [
      'a family with a gap',
      'oneLeaf',
      stored({ tokens: STORE.tokens.filter(({ token }) => token !== 't0') }),
    ],
    [
      'a family with two leaves',
      'oneLeaf',
      stored({ tokens: STORE.tokens.map((token) => ({ ...token, used: false })) }),
    ],
    [
      'a family without a leaf',
      'oneLeaf',
      stored({ tokens: STORE.tokens.map((token) => ({ ...token, used: true })) }),
    ],
    [
      'two records of one id',
      'idsOnce',
      stored({ records: [...STORE.records, record('a3', 'signin.failed', {})] }),
    ],
    [
      'an action recorded twice',
      'oneRecordEach',
      stored({ records: [...STORE.records, record('b3', 'token.issued', { request: 'r3' })] }),
    ],
    [
      'a rotation without a record',
      'trailIsTrue',
      stored({ records: STORE.records.filter(({ id }) => id !== 'a4') }),
    ],
    [
      'a record of an end that was none',
      'trailIsTrue',
      stored({ records: [...STORE.records, record('b1', 'grant.revoked', { grant: 'g3' })] }),
    ],
    ['a revoked access token without a record', 'trailIsTrue', stored({ revokedTokens: ['j1', 'j2'] })],
  ])('catches %s', (_what, rule, store) => {
    expect(rulesBroken(GOOD, store)).toContain(rule);
  });

  it('catches the revocation of an access token that was forgotten while its grant lives', () => {
    const revoked = act(22, 'revoke-access', { grant: 'g3', jti: 'j3' });
    expect(rulesBroken([...GOOD, revoked], STORE)).toContain('endsEndure');
  });
});

function act(id: number, kind: Kind, more: Partial<Act>): Act {
  return {
    id,
    kind,
    actor: 'program',
    series: id,
    began: id * 10,
    ended: id * 10 + 5,
    answer: { is: 'done' },
    ...more,
  };
}

function invalid(error: string): Act['answer'] {
  return { is: 'refused', error };
}

function record(id: string, event: string, about: { grant?: string; request?: string; subject?: string }) {
  return {
    id,
    event,
    request: about.request ?? `of ${id}`,
    grant: about.grant ?? null,
    subject: about.subject ?? null,
  };
}
