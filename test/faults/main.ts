/**
 * `npm run test:faults -- [--kills N] [--shape shared|embedded] [--pause SECONDS] [--seed SEED] [--report FILE] [--output FILE]`
 *
 * Breaks installations in every way it knows while they work, and says whether they kept what they promise. Half of
 * the faults go to two processes on one PostgreSQL, half to one process with the PostgreSQL of its own. The report is
 * Markdown; the output is what the servers logged.
 */

import { randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { type Report, run } from './run.ts';
import { describeReport, describeViolations } from './words.ts';
import type { Shape } from './world/world.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    shape: { type: 'string' },
    pause: { type: 'string', default: '30' },
    seed: { type: 'string', default: process.env['GATEHOUSE_FAULTS_SEED'] || randomBytes(4).toString('hex') },
    report: { type: 'string' },
    output: { type: 'string' },
  },
});
const shapes: readonly Shape[] =
  values.shape === 'shared' || values.shape === 'embedded' ? [values.shape] : ['shared', 'embedded'];
const faults = Math.ceil(Number(values.kills) / shapes.length);

console.log(`seed ${values.seed} (again: GATEHOUSE_FAULTS_SEED=${values.seed})`);
const reports: Report[] = [];
for (const shape of shapes) {
  const report = await run({
    seed: values.seed,
    shape,
    faults,
    longestPause: Number(values.pause) * 1000,
    onFault: ({ name, recovery }) =>
      console.log(`${shape}: ${name}, recovered in ${Math.round(recovery)} ms`),
  });
  reports.push(report);
  console.log(describeViolations(report));
  if (values.output) appendFileSync(values.output, report.output);
}
const words = reports.map(describeReport).join('\n\n');
console.log(words);
if (values.report) writeFileSync(values.report, `${words}\n`);
process.exitCode = reports.some(({ violations }) => violations.length > 0) ? 1 : 0;
