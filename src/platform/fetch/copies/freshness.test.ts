import { expect, it } from 'vitest';

import { freshnessOf } from './freshness.ts';

const now = new Date('2026-11-21T12:00:00Z');
const bounds = { min: 30, max: 86_400 };

it.each([
  ['nothing', {}, 30],
  ['a minute', { 'cache-control': 'max-age=60' }, 60],
  ['a minute among other words', { 'cache-control': 'public, Max-Age="60", stale-if-error=9' }, 60],
  ['a year', { 'cache-control': 'max-age=31536000' }, 86_400],
  ['more than a number can be', { 'cache-control': `max-age=${'9'.repeat(40)}` }, 30],
  ['a number below nothing', { 'cache-control': 'max-age=-1' }, 30],
  ['nonsense', { 'cache-control': 'max-age=soon' }, 30],
  ['no-store', { 'cache-control': 'no-store, max-age=600' }, 30],
  ['no-cache', { 'cache-control': 'no-cache' }, 30],
  ['what a shared cache may', { 'cache-control': 'max-age=600, s-maxage=120' }, 120],
  ['an hour, of which half is over', { 'cache-control': 'max-age=3600', age: '1800' }, 1800],
  ['an hour, all of which is over', { 'cache-control': 'max-age=3600', age: '7200' }, 30],
  ['an expiry', { expires: 'Sat, 21 Nov 2026 12:10:00 GMT' }, 600],
  [
    'an expiry by a clock of its own',
    { expires: 'Sat, 21 Nov 2026 13:10:00 GMT', date: 'Sat, 21 Nov 2026 13:00:00 GMT' },
    600,
  ],
  ['an expiry in the past', { expires: 'Sat, 21 Nov 2025 12:10:00 GMT' }, 30],
  ['0 for an expiry', { expires: '0' }, 30],
  ['both', { 'cache-control': 'max-age=60', expires: 'Sat, 21 Nov 2026 13:00:00 GMT' }, 60],
] as const)(
  'K8: an answer whose headers say %s is kept for a while within bounds',
  (_what, headers, seconds) => {
    expect(freshnessOf(headers, bounds, now)).toBe(seconds);
  },
);
