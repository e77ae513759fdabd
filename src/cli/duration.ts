const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Whole seconds of a duration such as `30m`, `12h` or `7d`; `undefined` for anything else. */
export function readDuration(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = UNITS[unit];
  return amount === undefined || seconds === undefined ? undefined : Number(amount) * seconds;
}
