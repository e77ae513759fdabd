import { expect, it } from 'vitest';

import { mergeMetrics } from './merge-metrics.ts';

const exposition = (refusals: string) => `# HELP refusals_total Refusals
# TYPE refusals_total counter
${refusals}
# HELP in_flight Requests
# TYPE in_flight gauge
in_flight 2
`;

it('says of each sample whose it is, with the samples of one name together and one head before them', () => {
  const texts = new Map([
    ['1', exposition('')],
    ['2', exposition('refusals_total{reason="expired"} 3')],
  ]);
  expect(mergeMetrics(texts).text).toBe(`# HELP refusals_total Refusals
# TYPE refusals_total counter
refusals_total{worker="2",reason="expired"} 3
# HELP in_flight Requests
# TYPE in_flight gauge
in_flight{worker="1"} 2
in_flight{worker="2"} 2
`);
});
