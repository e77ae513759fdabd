import type { Measurement, Results } from './report/results.ts';
import { SCENARIOS, type ScenarioName } from './scenarios.ts';
import { TARGET_NAMES, type TargetName } from './targets/target.ts';

/** What is drawn: the requests that a server answers all day. */
const DRAWN: readonly ScenarioName[] = [
  'jwks',
  'metadata',
  'authorize',
  'code',
  'refresh',
  'introspection',
  'revocation',
];

const LABELS: Readonly<Record<TargetName, string>> = {
  bare: 'bare node:http',
  floor: 'hand-written floor',
  stock: 'oidc-provider, in memory',
  'better-auth': 'better-auth, SQLite',
  'gatehouse-embedded': 'Gatehouse, embedded',
  'gatehouse-postgres': 'Gatehouse, PostgreSQL',
};

const WIDTH = 860;
const LEFT = 196;
const RIGHT = 96;
const BAR = 14;
const GAP = 6;
const TITLE = 26;
const AFTER = 18;
const TOP = 84;

const STYLE = `
  text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .group { font-weight: 600; }
  .quiet { fill: #656d76; }
  .end { text-anchor: end; }
  .track { fill: #eef1f4; }
  .server { fill: #8c959f; } .database { fill: #c4cbd3; }
  .ours.server { fill: #0b6e4f; } .ours.database { fill: #74c2a3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #8d96a0; }
    .track { fill: #21262d; }
    .server { fill: #6e7681; } .database { fill: #444c56; }
    .ours.server { fill: #3fb68b; } .ours.database { fill: #1f6b50; }
  }`;

/**
 * Draws the CPU time of one request, server and database apart, as an SVG that is legible on light and on
 * dark. Each scenario has a scale of its own: what matters is who stands beside whom.
 */
export function draw({ scenarios, machine, at }: Results): string {
  const parts: string[] = [];
  let y = TOP;
  for (const name of DRAWN) {
    const measured = scenarios[name];
    if (!measured) continue;
    const bars = TARGET_NAMES.flatMap((target) =>
      measured[target] ? [[target, measured[target]] as const] : [],
    );
    const longest = Math.max(...bars.map(([, { total }]) => total.median));
    parts.push(text(16, y, titleOf(name), 'group'));
    y += TITLE - BAR / 2;
    for (const [target, measurement] of bars) {
      parts.push(...bar(y, target, measurement, longest));
      y += BAR + GAP;
    }
    y += AFTER;
  }
  const subtitle = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node.slice(1)}, PostgreSQL ${machine.postgres ?? '—'}; ${at.slice(0, 10)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-labelledby="t">`,
    `<title id="t">CPU time of one request, in microseconds</title>`,
    `<style>${STYLE}\n</style>`,
    text(16, 28, 'CPU time of one request, µs', 'title'),
    text(16, 48, subtitle, 'quiet'),
    ...legend(),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function bar(
  y: number,
  target: TargetName,
  { server, database, cache, total }: Measurement,
  longest: number,
): string[] {
  const room = WIDTH - LEFT - RIGHT;
  const scale = (value: number) => Math.max(0, (value / longest) * room);
  const ours = target.startsWith('gatehouse') ? 'ours ' : '';
  const store = database.median + cache.median;
  return [
    text(LEFT - 10, y + BAR - 3, LABELS[target], ours ? 'end' : 'end quiet'),
    rect(LEFT, y, room, 'track'),
    rect(LEFT, y, scale(server.median), `${ours}server`),
    ...(store > 0 ? [rect(LEFT + scale(server.median), y, scale(store), `${ours}database`)] : []),
    text(WIDTH - RIGHT + 10, y + BAR - 3, Math.round(total.median).toLocaleString('en'), ours ? '' : 'quiet'),
  ];
}

function legend(): string[] {
  const y = 18;
  return [
    rect(WIDTH - 300, y, 12, 'ours server', 12),
    text(WIDTH - 282, y + 10, 'server', 'quiet'),
    rect(WIDTH - 222, y, 12, 'ours database', 12),
    text(WIDTH - 204, y + 10, 'database (every process of it)', 'quiet'),
  ];
}

function titleOf(name: ScenarioName): string {
  return SCENARIOS.find((scenario) => scenario.name === name)?.title ?? name;
}

function rect(x: number, y: number, width: number, className: string, height = BAR): string {
  return `<rect class="${className}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${height}" rx="2"/>`;
}

function text(x: number, y: number, content: string, className: string): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${fixed(x)}" y="${fixed(y)}"${className ? ` class="${className}"` : ''}>${safe}</text>`;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}
