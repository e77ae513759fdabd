import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { Settings } from '../../../src/config/schema.ts';
import { AUDIT_EVENTS } from '../../../src/domain/audit/index.ts';
import { post } from '../../support/flow.ts';
import { type Scrape, scrape } from '../../support/scrape.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const FOLDER = new URL('../../../docs/operations/', import.meta.url);
const ROOT = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, FOLDER), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
const alerts = (
  parse(read('alerts.yml')) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
).groups.flatMap(({ rules }) => rules);

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
};

/** What Prometheus itself adds. */
const ITS_OWN = new Set(['up']);
const ITS_OWN_LABELS = new Set(['instance', 'job', 'le']);

let server: TestServer;
let now: Scrape;
beforeAll(async () => {
  // Redis is configured and away, so that what is told of it is there.
  server = await startTestServer({ REDIS_URL: 'redis://127.0.0.1:1', GATEHOUSE_THROTTLE: 'on' });
  await post(server, '/token', { grant_type: 'refresh_token', refresh_token: 'none', client_id: 'cli_none' });
  now = await scrape(server);
});
afterAll(() => server.stop());

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** The metrics that an expression names, with the labels that it asks of each. */
function selectorsOf(expr: string): readonly Selector[] {
  return [...expr.matchAll(/\b((?:gatehouse|process|nodejs)_\w+|up)\b(?:\{([^}]*)\})?/g)].map(
    ([, metric = '', inner = '']) => ({
      metric,
      matchers: [...inner.matchAll(/(\w+)(?:=~?|!=)"([^"]*)"/g)].map(([, label = '', value = '']) => ({
        label,
        values: value.split('|'),
      })),
    }),
  );
}

/** Labels that an expression groups by. */
function groupingOf(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:by|ignoring) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, */));
}

/** A histogram is scraped as three series. */
function metricOf(name: string) {
  const base = name.replace(/_(?:bucket|sum|count)$/, '');
  return now.metrics.get(now.metrics.get(base) ? base : name);
}

/** What an expression asks for and no scrape has; empty when it is right. */
function faultsOf(expr: string): readonly string[] {
  const selectors = selectorsOf(expr).filter(({ metric }) => !ITS_OWN.has(metric));
  const labels = new Set(selectors.flatMap(({ metric }) => [...(metricOf(metric)?.labels ?? [])]));
  return [
    ...(selectorsOf(expr).length > 0 ? [] : ['no metric']),
    ...selectors.filter(({ metric }) => !metricOf(metric)).map(({ metric }) => metric),
    ...groupingOf(expr).filter((label) => !labels.has(label) && !ITS_OWN_LABELS.has(label)),
    ...selectors.flatMap(({ metric, matchers }) =>
      matchers.flatMap((matcher) => strangerIn(metric, matcher)),
    ),
  ];
}

/** A label that the metric has not; or a value that it cannot have, where all of them begin at 0. */
function strangerIn(metric: string, { label, values }: Selector['matchers'][number]): readonly string[] {
  if (ITS_OWN_LABELS.has(label)) return [];
  if (!metricOf(metric)?.labels.has(label)) return [`${metric}{${label}}`];
  if (!/_(?:tokens|signins|grants_revoked|throttled|client_documents)_total$/.test(metric)) return [];
  return values
    .filter(
      (value) => !now.samples.some((sample) => sample.name === metric && sample.labels[label] === value),
    )
    .map((value) => `${metric}{${label}="${value}"}`);
}

describe('the test itself', () => {
  it('notices what does not exist', () => {
    expect(faultsOf('sum(gatehouse_made_up_total)')).toEqual(['gatehouse_made_up_total']);
    expect(faultsOf('gatehouse_tokens_total{client="x"}')).toEqual(['gatehouse_tokens_total{client}']);
    expect(faultsOf('gatehouse_tokens_total{outcome="lost"}')).toEqual([
      'gatehouse_tokens_total{outcome="lost"}',
    ]);
    expect(faultsOf('sum by (user) (gatehouse_tokens_total)')).toEqual(['user']);
    expect(faultsOf('vector(1)')).toEqual(['no metric']);
  });
});

describe('the alerts', () => {
  it.each(alerts.map((rule) => [rule.alert, rule] as const))('%s asks for what is there', (_, { expr }) => {
    expect(faultsOf(expr)).toEqual([]);
  });

  it.each(alerts.map((rule) => [rule.alert, rule] as const))(
    '%s says what is the matter, how bad it is, and what to do',
    (name, { labels, annotations }) => {
      const { pathname } = new URL(annotations.runbook, ROOT);
      const runbook = readFileSync(pathname, 'utf8');

      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/\.$/);
      expect(runbook).toMatch(/^# \w/);
      expect(runbook).toContain(`\`${name}\``);
      expect(runbook).toContain('**Look**');
      expect(runbook).toContain('**Do**');
    },
  );

  it('have a runbook each, no runbook is left over, and no two have one name', () => {
    const linked = alerts.map(({ annotations }) => annotations.runbook.split('/').at(-1)).sort();
    expect(linked).toEqual(readdirSync(new URL('runbooks/', FOLDER)).sort());
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });
});

describe('the dashboard', () => {
  const charts = dashboard.panels.filter(({ type }) => type !== 'row');

  it.each(charts.map((panel) => [panel.title, panel] as const))(
    '%s shows what is there',
    (_, { targets = [] }) => {
      expect(targets.length).toBeGreaterThan(0);
      for (const { expr } of targets) expect(faultsOf(expr)).toEqual([]);
    },
  );

  it('marks what is there', () => {
    for (const { expr } of dashboard.annotations.list) expect(faultsOf(expr)).toEqual([]);
  });

  it('leaves out no metric of ours but the one that only names the version', () => {
    const shown = new Set(
      charts
        .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
        .flatMap(selectorsOf)
        .map(({ metric }) => metric.replace(/_bucket$/, '')),
    );
    const ours = [...now.metrics.keys()].filter((name) => name.startsWith('gatehouse_'));
    expect(ours.filter((name) => !shown.has(name))).toEqual([]);
  });
});

describe('the words about it', () => {
  const pages = [
    'metrics.md',
    ...readdirSync(new URL('runbooks/', FOLDER)).map((name) => `runbooks/${name}`),
  ];

  it('metrics.md lists every metric of ours with its labels, and no other', () => {
    const rows = [...read('metrics.md').matchAll(/^\| `(gatehouse_\w+)` \|(.*?)\| (.+) \|$/gm)];
    const listed = rows.map(([, name = '', labels = '']) => [
      name,
      [...labels.matchAll(/`(\w+)`/g)].map(([, l]) => l),
    ]);
    const told = [...now.metrics]
      .filter(([name]) => name.startsWith('gatehouse_'))
      .map(([name, { labels }]) => [name, [...labels].filter((label) => label !== 'le')]);

    expect(listed.map(([name]) => name).sort()).toEqual(told.map(([name]) => name).sort());
    // What has not happened yet has no labels yet.
    const seen = told.filter(([, labels]) => labels?.length);
    expect(Object.fromEntries(listed)).toMatchObject(Object.fromEntries(seen));
  });

  it('many-throttled.md says of every limit what it is', () => {
    const listed = [...read('runbooks/many-throttled.md').matchAll(/^\| `([\w-]+)` \| /gm)].map(
      ([, limiter]) => limiter,
    );
    const limits = now.samples.filter(({ name }) => name === 'gatehouse_throttled_total');
    expect(listed.filter((name) => name !== 'limiter').sort()).toEqual(
      limits.map(({ labels }) => labels['limiter']).sort(),
    );
  });

  it.each(pages)('%s names metrics, settings, events and pages that exist', (page) => {
    const text = read(page);
    const metrics = selectorsOf(text).map(({ metric }) => metric);
    expect(
      metrics.filter(
        (name) => name !== 'process_' && name !== 'nodejs_' && !ITS_OWN.has(name) && !metricOf(name),
      ),
    ).toEqual([]);
    const settings = [...text.matchAll(/\b(?:GATEHOUSE_[A-Z_]+|DATABASE_[A-Z_]+|REDIS_URL)\b/g)].map(
      ([name]) => name,
    );
    expect(settings.filter((name) => !(name in Settings.shape))).toEqual([]);
    const events = [...text.matchAll(/--event (\w+\.\w+)/g)].map(([, event = '']) => event);
    expect(events.filter((event) => !AUDIT_EVENTS.some((known) => known === event))).toEqual([]);
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(new URL(link, new URL(page, FOLDER))))).toEqual([]);
  });

  it.each(pages)('%s gives queries that can be asked', (page) => {
    const queries = [...read(page).matchAll(/`([^`]*\((?:[^`]*)gatehouse_[^`]*)`/g)].map(
      ([, query = '']) => query,
    );
    for (const query of queries) expect(faultsOf(query), query).toEqual([]);
  });
});
