import type { TestServer } from './server.ts';

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** What `/metrics` said at one moment. */
export interface Scrape {
  readonly text: string;
  /** Every metric, by its name without the suffixes of a histogram: type, help and the labels that it has. */
  readonly metrics: ReadonlyMap<
    string,
    { readonly type: string; readonly help: string; readonly labels: ReadonlySet<string> }
  >;
  readonly samples: readonly Sample[];
  /** The sum of all samples of that name whose labels are those; 0 where there is none. */
  value(name: string, labels?: Labels): number;
}

/** Reads the metrics of a server, as Prometheus would. */
export async function scrape({ internal }: Pick<TestServer, 'internal'>): Promise<Scrape> {
  const response = await fetch(`${internal}/metrics`);
  if (response.status !== 200) throw new Error(`no metrics: ${response.status}`);
  return parse(await response.text());
}

/** What was counted between two moments, without what did not change. */
export function risen(before: Scrape, after: Scrape, name: string): Readonly<Record<string, number>> {
  const rises = after.samples
    .filter((sample) => sample.name === name)
    .map(
      ({ labels, value }) => [Object.values(labels).join(' '), value - before.value(name, labels)] as const,
    )
    .filter(([, rise]) => rise !== 0);
  return Object.fromEntries(rises);
}

function parse(text: string): Scrape {
  const samples: Sample[] = [];
  const metrics = new Map<string, { type: string; help: string; labels: Set<string> }>();
  const metric = (name: string) => {
    const found = metrics.get(name) ?? { type: '', help: '', labels: new Set<string>() };
    metrics.set(name, found);
    return found;
  };
  for (const line of text.split('\n')) {
    const [, what, about = '', words = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === 'HELP') metric(about).help = words;
    else if (what === 'TYPE') metric(about).type = words;
    else if (line !== '') {
      const [, name = '', inner = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const labels = Object.fromEntries(
        [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', said = '']) => [label, said]),
      );
      samples.push({ name, labels, value: Number(value) });
      const base = name.replace(/_(?:bucket|sum|count)$/, '');
      const owner = metric(metrics.get(base)?.type === 'histogram' ? base : name);
      for (const label of Object.keys(labels)) owner.labels.add(label);
    }
  }
  return {
    text,
    metrics,
    samples,
    value: (name, labels = {}) =>
      samples
        .filter((sample) => sample.name === name)
        .filter((sample) => Object.entries(labels).every(([label, said]) => sample.labels[label] === said))
        .reduce((sum, { value }) => sum + value, 0),
  };
}
