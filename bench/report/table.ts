import { SCENARIOS } from '../scenarios.ts';
import { TARGET_NAMES } from '../targets/target.ts';

import type { DocumentCosts, Hostile, Results, TokenCost } from './results.ts';

type Row = readonly (string | number | undefined)[];

/** The results as text for a terminal. */
export function tableOf(results: Results): string {
  const parts = [
    scenarios(results),
    documents(results.documents),
    memory(results),
    others(results),
    goals(results),
  ];
  return parts.filter(Boolean).join('\n\n');
}

function scenarios({ scenarios: measured }: Results): string {
  return SCENARIOS.flatMap(({ name, title }) => {
    const byTarget = measured[name];
    if (!byTarget) return [];
    const rows = TARGET_NAMES.flatMap((target) => {
      const one = byTarget[target];
      if (!one) return [];
      const { latency } = one;
      return [
        [
          target,
          `${round(one.server.min)} / ${round(one.server.median)}`,
          one.database.median > 0 ? `${round(one.database.min)} / ${round(one.database.median)}` : '',
          one.cache.median > 0.5 ? round(one.cache.median) : '',
          round(one.perSecond.median),
          latency ? `${latency.p50} / ${latency.p99} / ${latency.p999}` : '',
          one.statements === undefined ? '' : `${one.statements} / ${one.roundTrips}`,
          one.wal ? round(one.wal.median) : '',
        ],
      ];
    });
    const head = [
      title,
      'server µs',
      'database µs',
      'redis µs',
      'ops/s',
      `p50/p99/p99.9 ms`,
      'stmts/trips',
      'WAL bytes',
    ];
    return [columns([head, ...rows])];
  }).join('\n\n');
}

function documents(costs: DocumentCosts | undefined): string {
  if (!costs) return '';
  const row = (name: string, { server, database, statements, roundTrips }: TokenCost) => [
    name,
    `${round(server.min)} / ${round(server.median)}`,
    `${round(database.min)} / ${round(database.median)}`,
    `${statements} / ${roundTrips}`,
  ];
  const rows = [
    row('code exchange, registered', costs.code.registration),
    row('code exchange, by its document', costs.code.document),
    row('refresh, registered', costs.refresh.registration),
    row('refresh, by its document', costs.refresh.document),
  ];
  const table = columns([['A client known by', 'server µs', 'database µs', 'stmts/trips'], ...rows]);
  return `${table}\nOutbound requests in all of them: ${costs.outbound}`;
}

function memory({ memory: measured }: Results): string {
  const rows = TARGET_NAMES.flatMap((target) => {
    const one = measured[target];
    return one
      ? [
          [
            target,
            mib(one.idle.server),
            mib(one.loaded.server),
            mib(one.idle.database),
            mib(one.loaded.database),
          ],
        ]
      : [];
  });
  return rows.length === 0
    ? ''
    : columns([['Memory, MiB', 'server idle', 'loaded', 'database idle', 'loaded'], ...rows]);
}

function others({
  start,
  verification,
  contention,
  hostile,
  growth,
  soak,
  skipped,
  failed,
}: Results): string {
  const lines: string[] = [];
  for (const [name, spread] of Object.entries(start ?? {})) {
    lines.push(`Start to first 200, ${name}: ${round(spread.median)} ms (least ${round(spread.min)})`);
  }
  if (verification) {
    const { joseRemote, joseLocal, uncached, cached } = verification;
    lines.push(
      `Verification, µs a token: jose, remote key set ${joseRemote.median}; jose, key in hand ${joseLocal.median}; ` +
        `verifier ${uncached.median}; verifier, cached ${cached.median}`,
    );
  }
  if (contention) {
    const { alone, beside, signIns } = contention;
    lines.push(
      `Refresh beside ${signIns} sign-ins, eight at once: p50 ${beside.p50} ms (alone ${alone.p50}), p99 ${beside.p99} ms (alone ${alone.p99})`,
    );
  }
  if (hostile) lines.push(...linesOf(hostile));
  for (const point of growth ?? []) {
    lines.push(
      `${point.grants.toLocaleString('en')} grants: server ${round(point.server.median)} µs, database ${round(point.database.median)} µs, ` +
        `p99 ${point.p99} ms, ${point.bytesPerGrant} bytes a grant and ${point.auditBytesPerGrant} of audit`,
    );
  }
  if (soak) {
    lines.push(
      `Soak, ${soak.seconds} s at ${soak.rate}/s: server ${mib(soak.serverFirst)} to ${mib(soak.serverLast)} MiB, ` +
        `${mib(soak.serverSlope)} MiB an hour; database ${mib(soak.databaseSlope)} MiB an hour`,
    );
  }
  for (const [name, reason] of Object.entries(skipped)) lines.push(`Skipped ${name}: ${reason}`);
  for (const [name, reason] of Object.entries(failed)) lines.push(`FAILED ${name}: ${reason}`);
  return lines.join('\n');
}

function linesOf(measured: Hostile): string[] {
  const { alone, known, hostile, documentMicroseconds, peak, left, documents: count, stolen } = measured;
  const beside = [
    ['alone', alone],
    ['beside a hundred known documents at once', known],
    ['beside a hundred hostile ones', hostile],
  ] as const;
  const ends = Object.entries(measured.outcomes).map(([why, times]) => `${why} ${times}`);
  return [
    ...beside.map(
      ([what, { p50, p99, memory: most }]) =>
        `Refresh ${what}: p50 ${p50} ms, p99 ${p99} ms, at most ${mib(most)} MiB`,
    ),
    `CPU of the server for an authorization request with a document: known ${round(documentMicroseconds.known)} µs, hostile ${round(documentMicroseconds.hostile)} µs`,
    `Memory of ${count} hostile documents: ${mib(peak)} MiB more at the most, ${mib(left)} MiB left behind`,
    `What came of ${count} hostile documents: ${ends.join(', ')}`,
    `Other machines of the same host took at most ${round(100 * stolen)} % of the processors meanwhile`,
  ];
}

function goals({ goals: all }: Results): string {
  if (all.length === 0) return '';
  const rows = all.map(({ name, value, limit, bound, unit, met }) => [
    met ? 'met' : 'MISSED',
    name,
    `${value.toLocaleString('en')} ${unit}`,
    `${bound} ${limit.toLocaleString('en')}`,
  ]);
  return columns([['', 'Goal', 'value', 'limit'], ...rows], 2);
}

/** Text in columns; the first `left` ones flush left, the others right. */
function columns(rows: readonly Row[], left = 1): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => String(row[at] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => {
          const text = String(cell ?? '');
          const width = widths[at] ?? 0;
          return at < left ? text.padEnd(width) : text.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 10) / 10);
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
