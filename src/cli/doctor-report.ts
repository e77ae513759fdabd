import type { Diagnosis, Finding, Level, Report, Step } from '../doctor/index.ts';

import type { Without } from './doctor-store.ts';

const WIDTH = 12;
const LEVELS: Readonly<Record<Level, string>> = {
  ok: 'ok',
  warning: 'warning',
  problem: 'PROBLEM',
  not_checked: 'not checked',
};
const OUTCOMES: Readonly<Record<Diagnosis['outcome'], string>> = {
  connects: 'ok',
  stops: 'STOPS',
  out_of_reach: '-',
};

/** A report for people: what is well in a line, and what is not with what to do about it. */
export function reportText(report: Report & { readonly without: Without }): string {
  const { issuer, checks, clients, without } = report;
  const lines = [
    issuer,
    ...(without === undefined ? [] : [without]),
    '',
    ...checks.flatMap(findingLines),
    '',
    ...clients.flatMap(clientLines),
    '',
    ...notChecked(clients),
    summary(report),
  ];
  return lines.join('\n');
}

function findingLines({ level, says, remedy }: Finding): readonly string[] {
  return [row(LEVELS[level], says), ...remedyLine(remedy)];
}

/** What was not tried with some clients, once for all of them. */
function notChecked(clients: readonly Diagnosis[]): readonly string[] {
  const open = clients.flatMap(({ name, steps }) =>
    steps.filter(({ level }) => level === 'not_checked').map(({ says }) => ({ name, says })),
  );
  const bySays = Object.entries(Object.groupBy(open, ({ says }) => says));
  if (bySays.length === 0) return [];
  const lines = bySays.map(([says, names = []]) =>
    row(LEVELS.not_checked, `${names.map(({ name }) => name).join(', ')}: ${says}.`),
  );
  return [...lines, ''];
}

/** Of a client that connects the stages; of one that stops what it saw until there. */
function clientLines({ name, version, outcome, steps }: Diagnosis): readonly string[] {
  const notable = steps.filter(({ level }) => level === 'problem' || level === 'warning');
  const reached = steps.filter(({ level }) => level === 'ok').map(({ stage }) => stage);
  const way = reached.length === 0 ? '' : `: ${reached.join(', ')}`;
  return [row(OUTCOMES[outcome], `${name} ${version}${way}`), ...notable.flatMap(stepLines)];
}

function stepLines({ says, remedy }: Step): readonly string[] {
  return [row('', `  It ${says}.`), ...remedyLine(remedy)];
}

function remedyLine(remedy: string | undefined): readonly string[] {
  return remedy === undefined ? [] : [row('', `  ${remedy}`)];
}

function row(level: string, says: string): string {
  return `${level.padEnd(WIDTH)}${says}`.trimEnd();
}

function summary({ checks, clients, healthy }: Report): string {
  const problems = checks.filter(({ level }) => level === 'problem').length;
  const stopped = clients.filter(({ outcome }) => outcome === 'stops').length;
  if (healthy) return 'All is well.';
  const parts = [
    ...(problems > 0 ? [`${problems} ${problems === 1 ? 'problem' : 'problems'}`] : []),
    ...(stopped > 0 ? [`${stopped} of ${clients.length} clients would stop`] : []),
  ];
  return `${parts.join('; ')}.`;
}
