import type { Exposition } from '../platform/http/index.ts';

interface Family {
  readonly head: readonly string[];
  readonly samples: string[];
}

/**
 * The expositions of several processes as one: every sample says of which it is, by the label
 * `worker`, and the samples of one name stand together, as the format wants it.
 *
 * @param texts by what the label is to say.
 */
export function mergeMetrics(texts: ReadonlyMap<string, string>): Exposition {
  const families = new Map<string, Family>();
  for (const [worker, text] of texts) {
    let family: Family | undefined;
    let head: string[] = [];
    for (const line of text.split('\n')) {
      if (line.startsWith('#')) {
        head.push(line);
        continue;
      }
      if (line === '') continue;
      if (head.length > 0) {
        const name = head[0]?.split(' ')[2] ?? '';
        family = families.get(name) ?? { head, samples: [] };
        families.set(name, family);
        head = [];
      }
      family?.samples.push(labelled(line, worker));
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: `${lines.join('\n')}\n` };
}

/** `name{a="b"} 1` or `name 1`. */
function labelled(sample: string, worker: string): string {
  const [, name = '', rest = ''] = /^([^{\s]+)\{?(.*)$/.exec(sample) ?? [];
  const label = `worker="${worker}"`;
  return sample[name.length] === '{' ? `${name}{${label},${rest}` : `${name}{${label}}${rest}`;
}
