import type { Exposition } from '../platform/http/index.ts';

interface Family {
  /** `HELP` and `TYPE`, once. */
  readonly head: Set<string>;
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
    for (const line of text.split('\n')) {
      if (line.startsWith('#')) {
        // A name without samples, which one of them may not have yet, has a head all the same.
        const name = line.split(' ', 3)[2] ?? '';
        family = families.get(name) ?? { head: new Set(), samples: [] };
        families.set(name, family);
        family.head.add(line);
      } else if (line !== '') family?.samples.push(labelled(line, worker));
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: `${lines.join('\n')}\n` };
}

/** `name{a="b"} 1` or `name 1`. */
function labelled(sample: string, worker: string): string {
  const [name = ''] = /^[^{\s]+/.exec(sample) ?? [];
  const rest = sample.slice(name.length);
  const label = `worker="${worker}"`;
  return rest.startsWith('{') ? `${name}{${label},${rest.slice(1)}` : `${name}{${label}}${rest}`;
}
