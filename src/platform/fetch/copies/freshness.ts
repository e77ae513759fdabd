/** Seconds. */
export interface FreshnessBounds {
  readonly min: number;
  readonly max: number;
}

/**
 * For how many seconds an answer may be used without asking again, by what its headers say to a shared
 * cache (RFC 9111 §4.2.1), within bounds of ours. Where they say nothing, or that it must not be kept, it
 * is the shortest time.
 */
export function freshnessOf(
  headers: Readonly<Record<string, string>>,
  { min, max }: FreshnessBounds,
  now: Date,
): number {
  const stated = statedLifetime(headers, now);
  return Math.max(min, Math.min(max, stated ?? min));
}

function statedLifetime(headers: Readonly<Record<string, string>>, now: Date): number | undefined {
  const directives = new Map(
    (headers['cache-control'] ?? '').split(',').map((directive) => {
      const [name = '', value = ''] = directive.split('=', 2);
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')];
    }),
  );
  if (['no-store', 'no-cache', 'private'].some((name) => directives.has(name))) return 0;
  const age = wholeSeconds(headers['age']) ?? 0;
  const maxAge = directives.get('s-maxage') ?? directives.get('max-age');
  // RFC 9111 §4.2: what cannot be read counts as stale.
  if (maxAge !== undefined) return (wholeSeconds(maxAge) ?? 0) - age;
  if (headers['expires'] === undefined) return undefined;
  const expires = Date.parse(headers['expires']);
  const sent = Date.parse(headers['date'] ?? '');
  if (Number.isNaN(expires)) return 0;
  return Math.floor((expires - (Number.isNaN(sent) ? now.getTime() : sent)) / 1000) - age;
}

function wholeSeconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,12}$/.test(value) ? Number(value) : undefined;
}
