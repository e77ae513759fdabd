const MAX_LENGTH = 2048;

/**
 * Where to go after a sign-in: an absolute path of this server, or the fallback.
 *
 * Visible ASCII, one leading slash, no backslash: what a browser could read as another host
 * (`//host`, `/\host`, a tab between) is not a path. The parser has the last word.
 */
export function safeContinue(value: unknown, fallback: string): string {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return fallback;
  if (!/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(value)) return fallback;
  const here = 'https://here.invalid';
  return URL.parse(value, here)?.origin === here ? value : fallback;
}
