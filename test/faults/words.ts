import type { Act } from './history.ts';
import type { Report } from './run.ts';

/** A report as Markdown: what was done, what was seen, and how long recovery took. */
export function describeReport(report: Report): string {
  const { acts, faults, skipped } = report;
  const answers = (is: Act['answer']['is']) => acts.filter(({ answer }) => answer.is === is).length;
  const names = [...new Set(faults.map(({ name }) => name))].sort();
  const rows = names.map((name) => {
    const times = faults.filter((fault) => fault.name === name).map(({ recovery }) => recovery);
    times.sort((a, b) => a - b);
    return `| ${name} | ${times.length} | ${seconds(times[Math.floor(times.length / 2)])} | ${seconds(times.at(-1))} |`;
  });
  return [
    `### ${report.shape}, seed \`${report.seed}\``,
    '',
    `${faults.length} faults in ${Math.round(report.seconds)} s; ${acts.length} requests: ${answers('done')} done, ` +
      `${answers('refused')} refused, ${answers('unavailable')} answered 503, ${answers('absent')} without an answer; ` +
      `${report.grants} grants, ${report.records} audit records; ${report.violations.length} promises broken.`,
    ...(skipped.length > 0 ? ['', `Not done: ${skipped.join(', ')}.`] : []),
    '',
    '| fault | times | recovery, upper median (s) | longest (s) |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** How many promises of each kind were broken, and for the first of each the acts that show it. */
export function describeViolations({ violations, shape }: Report): string {
  if (violations.length === 0) return `${shape}: every promise was kept`;
  const rules = [...new Set(violations.map(({ rule }) => rule))];
  return rules
    .flatMap((rule) => {
      const broken = violations.filter((violation) => violation.rule === rule);
      const shown = broken
        .slice(0, 3)
        .flatMap(({ what, acts }) => [
          `  ${what}`,
          ...acts.slice(-8).map((act) => `    ${JSON.stringify(act)}`),
        ]);
      return [`${shape}: ${rule}, ${broken.length} times`, ...shown];
    })
    .join('\n');
}

const seconds = (ms: number | undefined) => ((ms ?? 0) / 1000).toFixed(1);
