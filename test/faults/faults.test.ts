import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { run } from './run.ts';
import { describeViolations } from './words.ts';
import type { Shape } from './world/world.ts';

/** Another one each time; a failure names it, and it can be given back. */
const seed = process.env['GATEHOUSE_FAULTS_SEED'] || randomBytes(4).toString('hex');

/** Both begin on an empty store, where a process is killed while it migrates and the others then migrate at once. */
describe(`an installation that is broken while it works (GATEHOUSE_FAULTS_SEED=${seed})`, () => {
  it.each<[string, Shape, number]>([
    ['E3, V2, W1, Y5: of two processes on one PostgreSQL', 'shared', 7],
    ['E3, V2, W1, Y1, Y5: with the PostgreSQL of its own', 'embedded', 4],
  ])(
    '%s keeps what it promised, and recovers without a restart',
    async (_what, shape, faults) => {
      const report = await run({ seed, shape, faults, longestPause: 2_000 });

      expect(report.violations, describeViolations(report)).toEqual([]);
      expect(report.faults).toHaveLength(faults);
      expect(report.acts.filter(({ answer }) => answer.is === 'done').length).toBeGreaterThan(100);
    },
    150_000,
  );
});
