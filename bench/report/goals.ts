import type { ScenarioName } from '../scenarios.ts';
import type { TargetName } from '../targets/target.ts';

import type { Goal, Measurement, Results } from './results.ts';
import { significant } from './statistics.ts';

type Found = Omit<Results, 'goals'>;

/** What was to be reached, as far as this run can tell. Ratios are of medians. */
export function goalsOf(found: Found): readonly Goal[] {
  return [
    ...ratios(found),
    ...verification(found),
    ...signIn(found),
    ...documents(found),
    ...hostile(found),
    ...growth(found),
    ...start(found),
  ];
}

function ratios(found: Found): Goal[] {
  const postgres = 'gatehouse-postgres';
  const server = ({ server: { median } }: Measurement) => median;
  const total = ({ total: { median } }: Measurement) => median;
  const ratio = (
    name: string,
    scenario: ScenarioName,
    other: TargetName,
    limit: number,
    of: (measurement: Measurement) => number,
  ) => {
    const ours = found.scenarios[scenario]?.[postgres];
    const theirs = found.scenarios[scenario]?.[other];
    return ours && theirs ? [atMost(name, of(ours) / of(theirs), limit, '×')] : [];
  };
  return [
    ...ratio('JWKS: CPU, against a bare node:http server', 'jwks', 'bare', 1.5, server),
    ...ratio('Metadata: CPU, against a bare node:http server', 'metadata', 'bare', 1.5, server),
    ...ratio('Refresh: CPU of the server, against oidc-provider in memory', 'refresh', 'stock', 1.6, server),
    ...ratio('Refresh: CPU with PostgreSQL, against oidc-provider in memory', 'refresh', 'stock', 1.6, total),
    ...ratio('Refresh: CPU of the server, against the floor', 'refresh', 'floor', 3, server),
    ...ratio('Refresh: CPU with PostgreSQL, against the floor', 'refresh', 'floor', 3, total),
    ...ratio(
      'Code exchange: CPU of the server, against oidc-provider in memory',
      'code',
      'stock',
      1.6,
      server,
    ),
    ...ratio(
      'Code exchange: CPU with PostgreSQL, against oidc-provider in memory',
      'code',
      'stock',
      1.6,
      total,
    ),
  ];
}

function verification({ verification: measured }: Found): Goal[] {
  if (!measured) return [];
  return [
    atMost(
      'Verification: CPU, against jose with a remote key set',
      measured.uncached.median / measured.joseRemote.median,
      1.15,
      '×',
    ),
    atLeast('Verification from the cache, one core', 1e6 / measured.cached.median, 100_000, '/s'),
  ];
}

function signIn({ scenarios, contention }: Found): Goal[] {
  if (!contention) return [];
  const whole = scenarios['sign-in']?.['gatehouse-postgres'];
  const pages = scenarios.pages?.['gatehouse-postgres'];
  const hashes =
    whole && pages
      ? [
          atMost(
            'Sign-in with password: CPU beyond its pages, in argon2id hashes',
            (whole.server.median - pages.server.median) / contention.hashMicroseconds,
            1.1,
            'hashes',
          ),
        ]
      : [];
  return [
    ...hashes,
    atMost(
      'Token endpoint: p99 beside eight sign-ins at once, against alone',
      contention.beside.p99 / contention.alone.p99,
      1.2,
      '×',
    ),
  ];
}

function documents({ documents: costs }: Found): Goal[] {
  if (!costs) return [];
  const more = ({ registration, document }: typeof costs.code) =>
    Math.max(0, document.statements - registration.statements, document.roundTrips - registration.roundTrips);
  return [
    atMost('Code exchange of a document client: lookups beyond a registered one', more(costs.code), 1, ''),
    atMost('Refresh of a document client: lookups beyond a registered one', more(costs.refresh), 1, ''),
    atMost('Token requests of a document client: outbound requests', costs.outbound, 0, ''),
  ];
}

function hostile({ hostile: measured }: Found): Goal[] {
  if (!measured) return [];
  const { alone, hostile: beside, peak, left } = measured;
  return [
    atMost(
      'Token endpoint: p99 beside a hundred hostile documents, against alone',
      beside.p99 / alone.p99,
      1.2,
      '×',
    ),
    atMost('Memory that a hundred hostile documents take at the most', peak / 1e6, 20, 'MB'),
    atMost('Memory that hostile documents leave behind', left / 1e6, 20, 'MB'),
  ];
}

function growth({ growth: points }: Found): Goal[] {
  const [first, last] = [points?.[0], points?.at(-1)];
  if (!first || !last || first === last) return [];
  const costOf = (point: typeof first) => point.server.median + point.database.median;
  const label = `Refresh: CPU with PostgreSQL at ${count(last.grants)} grants, against ${count(first.grants)}`;
  return [atMost(label, costOf(last) / costOf(first), 1.2, '×')];
}

function start({ start: times }: Found): Goal[] {
  const warm = times?.['gatehouse-embedded'];
  return [
    ...(warm ? [atMost('First 200 after a warm start, embedded', warm.median / 1000, 1.5, 's')] : []),
    ...(times?.veryFirst
      ? [atMost('First 200 after the very first start, embedded', times.veryFirst.median / 1000, 4, 's')]
      : []),
  ];
}

function atMost(name: string, value: number, limit: number, unit: string): Goal {
  return { name, value: significant(value, 3), limit, bound: 'at most', unit, met: value <= limit };
}

function atLeast(name: string, value: number, limit: number, unit: string): Goal {
  return { name, value: significant(value, 3), limit, bound: 'at least', unit, met: value >= limit };
}

function count(value: number): string {
  return value.toLocaleString('en');
}
