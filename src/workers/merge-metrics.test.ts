import { expect, it } from 'vitest';

import { mergeMetrics } from './merge-metrics.ts';

it('tells the samples of workers apart, and keeps those of one name together', () => {
  const of = (count: number) =>
    [
      '# HELP a_total Some',
      '# TYPE a_total counter',
      `a_total{x="1",y="{"} ${count}`,
      '',
      '# HELP b Other',
      '# TYPE b histogram',
      `b_bucket{le="+Inf"} ${count}`,
      `b_sum ${count}`,
      '',
    ].join('\n');
  const { text } = mergeMetrics(
    new Map([
      ['1', of(5)],
      ['2', of(7)],
    ]),
  );
  expect(text).toBe(
    [
      '# HELP a_total Some',
      '# TYPE a_total counter',
      'a_total{worker="1",x="1",y="{"} 5',
      'a_total{worker="2",x="1",y="{"} 7',
      '# HELP b Other',
      '# TYPE b histogram',
      'b_bucket{worker="1",le="+Inf"} 5',
      'b_sum{worker="1"} 5',
      'b_bucket{worker="2",le="+Inf"} 7',
      'b_sum{worker="2"} 7',
      '',
    ].join('\n'),
  );
});
