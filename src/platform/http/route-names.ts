import type { Context } from 'koa';

/** The route of a request in one of few words: a pattern, never a path that somebody made up. */
export type RouteOf = (ctx: Pick<Context, 'path'>) => string;

/** What is nobody's route. */
const OTHER = 'other';
/** More than any pattern has. */
const MAX_SEGMENTS = 10;

/**
 * Names routes: by the pattern of the router that answered, else by the first of `patterns` that fits
 * the path. `basePath`, the path of the issuer, is left out, whether it stands in front or, as in
 * discovery, at the end.
 */
export function createRouteNames(patterns: readonly string[], basePath: string): RouteOf {
  const known = patterns.map((pattern) => ({ pattern, segments: pattern.split('/') }));

  return (ctx) => {
    const matched: unknown = (ctx as Partial<Context>)['_matchedRoute'];
    if (typeof matched === 'string') return matched;
    const path = withoutBase(ctx.path, basePath).split('/', MAX_SEGMENTS);
    return known.find(({ segments }) => fits(segments, path))?.pattern ?? OTHER;
  };
}

function withoutBase(path: string, basePath: string): string {
  if (basePath === '') return path;
  if (path.startsWith(`${basePath}/`)) return path.slice(basePath.length);
  return path.endsWith(basePath) ? path.slice(0, -basePath.length) : path;
}

/** `/assets/:file` fits one segment after `/assets/`. */
function fits(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((segment, at) => (segment.startsWith(':') ? path[at] !== '' : segment === path[at]))
  );
}
