/**
 * Makes the judge of which paths are guarded: `path` and everything below it, or without it all.
 *
 * Compares as the most lenient router would (case, percent-encoding, doubled and trailing slashes),
 * with dot segments resolved and not, because a path that a router takes for the guarded one and we
 * do not would be a way around. Too much guarded is a refusal, too little an open door.
 */
export function createPathCheck(path: string | undefined): (requested: string) => boolean {
  if (path === undefined) return () => true;
  const guarded = `/${resolved(segmentsOf(path)).join('/')}`;
  const covers = (segments: readonly string[]) => `/${segments.join('/')}/`.startsWith(below(guarded));
  return (requested) => {
    const segments = segmentsOf(requested);
    return covers(segments) || covers(resolved(segments));
  };
}

function below(path: string): string {
  return path === '/' ? path : `${path}/`;
}

function segmentsOf(path: string): readonly string[] {
  const segments = decode(path).replaceAll('\\', '/').toLowerCase().split('/');
  return segments.filter((segment) => segment !== '' && segment !== '.');
}

function resolved(segments: readonly string[]): readonly string[] {
  const result: string[] = [];
  for (const segment of segments) {
    if (segment === '..') result.pop();
    else result.push(segment);
  }
  return result;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
