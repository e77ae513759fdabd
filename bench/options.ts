import { parseArgs } from 'node:util';

import { QUICK, SCENARIOS, type ScenarioName, STAGES, type StageName } from './scenarios.ts';
import { TARGET_NAMES, type TargetName } from './targets/target.ts';

export interface Options {
  readonly scenarios: readonly (ScenarioName | StageName)[];
  readonly targets: readonly TargetName[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly soakSeconds: number;
  readonly grants: readonly number[];
  /** Where the results are kept: `latest` of a whole run, else `partial`. */
  readonly name: string;
  readonly profile: string | undefined;
}

const ALL: readonly (ScenarioName | StageName)[] = [...SCENARIOS.map(({ name }) => name), ...STAGES];

export const HELP = `npm run bench -- [options]

  --scenario a,b     what to measure; everything by default. Any of:
                     ${ALL.join(', ')}
  --targets a,b      which servers; every one by default. Any of:
                     ${TARGET_NAMES.join(', ')}; gatehouse for both of its kinds
  --rounds n         rounds of each scenario, 5 by default, 2 with --quick
  --quick            small stretches of ${QUICK.join(', ')}: a look, in less than two minutes
  --soak-seconds n   how long the soak is, 600 by default
  --grants a,b       sizes of the growth stage; 1000,10000,100000,1000000 by default
  --name n           keeps the results as bench/results/<n>.json; latest for a whole run, else partial
  --profile dir      runs every server with --cpu-prof and PostgreSQL with pg_stat_statements, and leaves
                     what they found there; slows them down
  --help

Runs on Linux, since CPU time and memory are read from /proc, and wants the machine to itself. PostgreSQL
is taken from the machine, else from the packages of the embedded one; Redis from the machine, else it is
left out. better-auth is measured after npm ci --prefix bench.
`;

/** Reads the command line. @throws Error in words for whoever typed it; `undefined` when help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      targets: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'soak-seconds': { type: 'string', default: '600' },
      grants: { type: 'string', default: '1000,10000,100000,1000000' },
      name: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const whole = !quick && values.scenario === undefined && values.targets === undefined;
  const targets = values.targets?.replace(/\bgatehouse(?=,|$)/, 'gatehouse-embedded,gatehouse-postgres');
  return {
    scenarios: listOf('scenario', values.scenario, ALL, quick ? QUICK : ALL),
    targets: listOf('targets', targets, TARGET_NAMES, TARGET_NAMES),
    rounds: numberOf('rounds', values.rounds ?? (quick ? '2' : '5')),
    quick,
    soakSeconds: numberOf('soak-seconds', values['soak-seconds']),
    grants: values.grants.split(',').map((size) => numberOf('grants', size)),
    name: values.name ?? (whole ? 'latest' : 'partial'),
    profile: values.profile,
  };
}

function listOf<T extends string>(
  option: string,
  value: string | undefined,
  known: readonly T[],
  fallback: readonly T[],
): readonly T[] {
  if (value === undefined) return fallback;
  const asked = value.split(',');
  const unknown = asked.find((name) => !known.includes(name as T));
  if (unknown !== undefined)
    throw new Error(`--${option}: there is no ${unknown}. There are ${known.join(', ')}.`);
  return known.filter((name) => asked.includes(name));
}

function numberOf(option: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${option}: ${value} is not a number of at least 1`);
  return number;
}
