/**
 * Makes the judge of which paths are guarded: `path` and everything below it, or without it all.
 *
 * Compares as the most lenient router would (case, percent-encoding, doubled and trailing slashes, a
 * target that carries a fragment or names a host), with dot segments resolved and not, because a path
 * that a router takes for the guarded one and we do not would be a way around. Too much guarded is a
 * refusal, too little an open door.
 */
export function createPathCheck(path: string | undefined): (requested: string) => boolean {
  if (path === undefined) return () => true;
  const guarded = `/${resolved(segmentsOf(path)).join('/')}`;
  const covers = (segments: readonly string[]) => `/${segments.join('/')}/`.startsWith(below(guarded));
  return (requested) =>
    readings(requested).some((path) => {
      const segments = segmentsOf(path);
      return covers(segments) || covers(resolved(segments));
    });
}

/** A request target with its host cut off (RFC 9112 §3.2.2), and as it would be without one. */
function readings(requested: string): readonly string[] {
  const [path = ''] = requested.replace(/^[a-z][a-z0-9+.-]*:(?=\/\/)/i, '').split(/[?#]/, 1);
  return path.startsWith('//') ? [path, path.replace(/^\/\/[^/\\]*/, '')] : [path];
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
